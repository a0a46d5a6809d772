#include "binding/value.h"

#include <ATen/core/function_schema.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "binding/tensor_value.h"
#include "system/error.h"

namespace e2v {
namespace {

constexpr uint32_t MAX_ELEMENTS = 10'000'000;  // of a list; each takes fifty times the memory of one in a tensor

Napi::TypeError unfit(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  return Napi::TypeError::New(value.Env(), where + ": the model requires " + type->repr_str());
}

// Shortens a key, which may be any text, for a message.
std::string shortened(const std::string& text) {
  constexpr size_t MAX_LENGTH = 60;
  return text.size() <= MAX_LENGTH ? text : text.substr(0, MAX_LENGTH) + "...";
}

// Returns the length, which is read only once: reading an element may run code that changes it.
uint32_t length_of(const Napi::Array& array, const std::string& where) {
  const uint32_t length = array.Length();
  if (length > MAX_ELEMENTS) {
    throw Napi::TypeError::New(
        array.Env(), where + ": a list may have at most " + std::to_string(MAX_ELEMENTS) + " elements; use a tensor");
  }
  return length;
}

bool is_integer(double number) { return std::trunc(number) == number && std::abs(number) <= 9007199254740991.0; }

bool is_record(const Napi::Value& value) {
  return value.IsObject() && !value.IsArray() && !value.IsTypedArray() && !is_tensor_object(value);
}

// Converts a value for which the schema has no type (Any) to its nearest TorchScript counterpart.
c10::IValue untyped(const Napi::Value& value, const std::string& where) {
  if (value.IsNull() || value.IsUndefined()) {
    return {};
  }
  if (value.IsBoolean()) {
    return value.As<Napi::Boolean>().Value();
  }
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    return is_integer(number) ? c10::IValue(static_cast<int64_t>(number)) : c10::IValue(number);
  }
  if (value.IsString()) {
    return value.As<Napi::String>().Utf8Value();
  }
  if (is_tensor_object(value)) {
    return to_tensor(value.As<Napi::Object>(), where);
  }
  throw Napi::TypeError::New(value.Env(), where + ": this kind of value cannot be passed to a model");
}

c10::IValue integer(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (lossless) {
      return number;
    }
  } else if (value.IsNumber() && is_integer(value.As<Napi::Number>().DoubleValue())) {
    return value.As<Napi::Number>().Int64Value();
  }
  throw unfit(value, type, where);
}

c10::IValue list(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  if (!value.IsArray()) {
    throw unfit(value, type, where);
  }
  const Napi::Array array = value.As<Napi::Array>();
  const c10::TypePtr element = type->expectRef<c10::ListType>().getElementType();
  c10::impl::GenericList result(element);
  const uint32_t length = length_of(array, where);
  for (uint32_t i = 0; i < length; ++i) {
    result.push_back(to_ivalue(array.Get(i), element, where + "[" + std::to_string(i) + "]"));
  }
  return result;
}

// Reads the fields of a NamedTuple by name.
void read_fields(const Napi::Object& object, const c10::FunctionSchema& fields, const std::string& where,
                 std::vector<c10::IValue>& result) {
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const auto& known = fields.arguments();
    if (std::none_of(known.begin(), known.end(), [&](const c10::Argument& field) { return field.name() == name; })) {
      throw Napi::TypeError::New(object.Env(), where + ": there is no field " + shortened(name));
    }
  }
  for (const auto& field : fields.arguments()) {
    const Napi::Value given = object.Get(field.name());
    if (given.IsUndefined() && field.default_value()) {
      result.push_back(*field.default_value());
    } else {
      result.push_back(to_ivalue(given, field.type(), where + "." + field.name()));
    }
  }
}

c10::IValue tuple(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  const auto tuple_type = type->expect<c10::TupleType>();
  const auto elements = tuple_type->elements();
  const c10::FunctionSchema* fields = tuple_type->schema().get();
  std::vector<c10::IValue> result;
  if (value.IsArray() && value.As<Napi::Array>().Length() <= elements.size()) {
    const auto array = value.As<Napi::Array>();
    const uint32_t given = array.Length();
    for (uint32_t i = 0; i < given; ++i) {
      result.push_back(to_ivalue(array.Get(i), elements[i], where + "[" + std::to_string(i) + "]"));
    }
  } else if (fields != nullptr && value.IsObject() && !value.IsArray() && !value.IsTypedArray()) {
    read_fields(value.As<Napi::Object>(), *fields, where, result);
  } else {
    throw unfit(value, type, where);
  }
  while (fields != nullptr && result.size() < elements.size() && fields->arguments()[result.size()].default_value()) {
    result.push_back(*fields->arguments()[result.size()].default_value());
  }
  if (result.size() != elements.size()) {
    throw unfit(value, type, where);
  }
  return fields == nullptr ? c10::ivalue::Tuple::create(std::move(result))
                           : c10::ivalue::Tuple::createNamed(std::move(result), tuple_type);
}

// Converts a Map with keys of any kind, or a plain object with string keys.
c10::IValue dict(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  const auto& dict_type = type->expectRef<c10::DictType>();
  c10::impl::GenericDict result(dict_type.getKeyType(), dict_type.getValueType());
  if (!is_record(value)) {
    throw unfit(value, type, where);
  }
  const Napi::Object global = value.Env().Global();
  const Napi::Object source = value.As<Napi::Object>().InstanceOf(global.Get("Map").As<Napi::Function>())
                                  ? value.As<Napi::Object>()
                                  : Napi::Object();
  Napi::Array entries;
  if (source.IsEmpty()) {
    const Napi::Object object = global.Get("Object").As<Napi::Object>();
    entries = object.Get("entries").As<Napi::Function>().Call(object, {value}).As<Napi::Array>();
  } else {
    const Napi::Object array = global.Get("Array").As<Napi::Object>();
    entries = array.Get("from").As<Napi::Function>().Call(array, {source}).As<Napi::Array>();
  }
  if (!entries.IsArray()) {
    throw unfit(value, type, where);
  }
  const uint32_t length = length_of(entries, where);
  for (uint32_t i = 0; i < length; ++i) {
    const Napi::Value pair = entries.Get(i);
    if (!pair.IsArray()) {
      throw unfit(value, type, where);
    }
    const auto entry = pair.As<Napi::Array>();
    const Napi::Value key = entry.Get(0u);
    const std::string name = key.IsString() || key.IsNumber() ? shortened(key.ToString().Utf8Value()) : "key";
    result.insert_or_assign(to_ivalue(key, dict_type.getKeyType(), where + " key " + name),
                            to_ivalue(entry.Get(1u), dict_type.getValueType(), where + "." + name));
  }
  return result;
}

Napi::Value number_to_js(Napi::Env env, int64_t number) {
  // Beyond 2^53, a Number could not represent it.
  if (number > 9007199254740991 || number < -9007199254740991) {
    return Napi::BigInt::New(env, number);
  }
  return Napi::Number::New(env, static_cast<double>(number));
}

Napi::Value dict_to_js(Napi::Env env, const c10::impl::GenericDict& dict) {
  const bool strings = dict.keyType()->kind() == c10::TypeKind::StringType;
  if (strings) {
    // The object has no prototype, so that "__proto__" is a key like any other.
    const Napi::Object object = env.Global().Get("Object").As<Napi::Object>();
    Napi::Object result = object.Get("create").As<Napi::Function>().Call(object, {env.Null()}).As<Napi::Object>();
    for (const auto& entry : dict) {
      result.Set(entry.key().toStringRef(), to_js(env, entry.value()));
    }
    return result;
  }
  Napi::Object map = env.Global().Get("Map").As<Napi::Function>().New({});
  const Napi::Function set = map.Get("set").As<Napi::Function>();
  for (const auto& entry : dict) {
    set.Call(map, {to_js(env, entry.key()), to_js(env, entry.value())});
  }
  return map;
}

}  // namespace

c10::IValue to_ivalue(const Napi::Value& value, const c10::TypePtr& type, const std::string& where) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) {
        return {};
      }
      return to_ivalue(value, type->expectRef<c10::OptionalType>().getElementType(), where);
    case c10::TypeKind::TensorType:
      if (value.IsNumber()) {
        return at::scalar_tensor(value.As<Napi::Number>().DoubleValue(), at::kFloat);
      }
      if (is_tensor_object(value)) {
        return to_tensor(value.As<Napi::Object>(), where);
      }
      break;
    case c10::TypeKind::IntType:
      return integer(value, type, where);
    case c10::TypeKind::FloatType:
      if (value.IsNumber()) {
        return value.As<Napi::Number>().DoubleValue();
      }
      break;
    case c10::TypeKind::BoolType:
      if (value.IsBoolean()) {
        return value.As<Napi::Boolean>().Value();
      }
      break;
    case c10::TypeKind::StringType:
      if (value.IsString()) {
        return value.As<Napi::String>().Utf8Value();
      }
      break;
    case c10::TypeKind::NoneType:
      if (value.IsNull() || value.IsUndefined()) {
        return {};
      }
      break;
    case c10::TypeKind::ListType:
      return list(value, type, where);
    case c10::TypeKind::TupleType:
      return tuple(value, type, where);
    case c10::TypeKind::DictType:
      return dict(value, type, where);
    default:
      return untyped(value, where);
  }
  throw unfit(value, type, where);
}

Napi::Value to_js(Napi::Env env, const c10::IValue& value) {
  if (value.isNone()) {
    return env.Null();
  }
  if (value.isTensor()) {
    return value.toTensor().defined() ? tensor_to_js(env, value.toTensor()) : env.Null();
  }
  if (value.isBool()) {
    return Napi::Boolean::New(env, value.toBool());
  }
  if (value.isInt()) {
    return number_to_js(env, value.toInt());
  }
  if (value.isDouble()) {
    return Napi::Number::New(env, value.toDouble());
  }
  if (value.isString()) {
    return Napi::String::New(env, value.toStringRef());
  }
  if (value.isTuple() || value.isList()) {
    const auto elements =
        value.isTuple() ? std::vector<c10::IValue>(value.toTupleRef().elements()) : value.toListRef().vec();
    Napi::Array array = Napi::Array::New(env, elements.size());
    for (uint32_t i = 0; i < elements.size(); ++i) {
      array.Set(i, to_js(env, elements[i]));
    }
    return array;
  }
  if (value.isGenericDict()) {
    return dict_to_js(env, value.toGenericDict());
  }
  throw Napi::TypeError::New(env,
                             "The result contains a " + value.tagKind() + ", which has no counterpart in JavaScript");
}

}  // namespace e2v
