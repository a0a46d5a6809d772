#include "binding/tensor_value.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "system/error.h"

namespace e2v {
namespace {

struct Dtype {
  const char* name;
  at::ScalarType scalar;
  napi_typedarray_type array;
  size_t bytes;
};

// float16 and bfloat16 are passed as their raw bits, and bool as 0 and 1, because JavaScript has no typed arrays for
// them.
constexpr std::array<Dtype, 10> DTYPES{{
    {"float32", at::kFloat, napi_float32_array, 4},
    {"float64", at::kDouble, napi_float64_array, 8},
    {"float16", at::kHalf, napi_uint16_array, 2},
    {"bfloat16", at::kBFloat16, napi_uint16_array, 2},
    {"int8", at::kChar, napi_int8_array, 1},
    {"uint8", at::kByte, napi_uint8_array, 1},
    {"int16", at::kShort, napi_int16_array, 2},
    {"int32", at::kInt, napi_int32_array, 4},
    {"int64", at::kLong, napi_bigint64_array, 8},
    {"bool", at::kBool, napi_uint8_array, 1},
}};

constexpr uint32_t MAX_DIMENSIONS = 64;  // the limit of the operators of libtorch
constexpr size_t LARGE_BUFFER = size_t{1} << 24;

Napi::TypeError mismatch(Napi::Env env, const std::string& where, const std::string& what) {
  return Napi::TypeError::New(env, where + ": " + what);
}

std::vector<int64_t> read_shape(const Napi::Object& object, const std::string& where) {
  const Napi::Value value = object.Get("shape");
  if (!value.IsArray()) {
    throw mismatch(object.Env(), where, "shape must be an array of sizes");
  }
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t dimensions = array.Length();  // read once, because reading an element may run code that changes it
  if (dimensions > MAX_DIMENSIONS) {
    throw mismatch(object.Env(), where, "shape has more than " + std::to_string(MAX_DIMENSIONS) + " dimensions");
  }
  std::vector<int64_t> shape;
  int64_t elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const Napi::Value size = array.Get(i);
    const double number = size.IsNumber() ? size.As<Napi::Number>().DoubleValue() : -1;
    if (number < 0 || number > 9007199254740991.0 || std::trunc(number) != number) {
      throw mismatch(object.Env(), where, "shape must hold non-negative integers");
    }
    shape.push_back(static_cast<int64_t>(number));
    // A product that overflowed could match the data's length by accident.
    if (__builtin_mul_overflow(elements, shape.back(), &elements)) {
      throw mismatch(object.Env(), where, "shape has more elements than fit in 63 bits");
    }
  }
  return shape;
}

// Creates a large buffer by its JavaScript constructor: Node-API ends the process if there is no memory for it.
Napi::ArrayBuffer new_buffer(Napi::Env env, size_t bytes) {
  if (bytes < LARGE_BUFFER) {
    return Napi::ArrayBuffer::New(env, bytes);
  }
  try {
    const auto constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
    const Napi::Object buffer = constructor.New({Napi::Number::New(env, static_cast<double>(bytes))});
    if (buffer.IsArrayBuffer() && buffer.As<Napi::ArrayBuffer>().ByteLength() == bytes) {
      return buffer.As<Napi::ArrayBuffer>();
    }
  } catch (const Napi::Error&) {  // a RangeError
  }
  throw CodedError("ERR_OUT_OF_MEMORY", "JavaScript has no memory for a result of " + std::to_string(bytes) + " bytes");
}

}  // namespace

bool is_tensor_object(const Napi::Value& value) {
  return value.IsObject() && !value.IsArray() && value.As<Napi::Object>().Has("dtype") &&
         value.As<Napi::Object>().Has("data");
}

at::Tensor to_tensor(const Napi::Object& object, const std::string& where) {
  const Napi::Env env = object.Env();
  const Napi::Value name = object.Get("dtype");
  const std::string requested = name.IsString() ? name.As<Napi::String>().Utf8Value() : "";
  const Dtype* dtype = nullptr;
  std::string known;
  for (const auto& candidate : DTYPES) {
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    if (requested == candidate.name) {
      dtype = &candidate;
    }
  }
  if (dtype == nullptr) {
    throw mismatch(env, where, "dtype must be one of " + known);
  }
  const std::vector<int64_t> shape = read_shape(object, where);
  const Napi::Value data = object.Get("data");
  if (!data.IsTypedArray() || data.As<Napi::TypedArray>().TypedArrayType() != dtype->array) {
    throw mismatch(env, where, "data is not the typed array that dtype " + requested + " requires");
  }
  // From here on, no JavaScript runs that might detach or resize the buffer. The buffer may be shared, in which case
  // other threads may change `bytes` meanwhile.
  napi_typedarray_type type;
  size_t length = 0;
  void* bytes = nullptr;
  NAPI_THROW_IF_FAILED(env, napi_get_typedarray_info(env, data, &type, &length, &bytes, nullptr, nullptr),
                       at::Tensor());
  int64_t elements = 1;
  for (const int64_t size : shape) {
    elements *= size;
  }
  if (static_cast<int64_t>(length) != elements) {
    throw mismatch(
        env, where,
        "data has " + std::to_string(length) + " elements, but the shape requires " + std::to_string(elements));
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions(dtype->scalar));
  if (elements > 0) {  // the address of an empty array may be null, which memcpy must not get
    std::memcpy(tensor.data_ptr(), bytes, length * dtype->bytes);
    if (dtype->scalar == at::kBool) {
      // Any byte but 0 and 1 in a bool tensor is undefined behaviour in C++.
      auto* flags = static_cast<uint8_t*>(tensor.data_ptr());
      for (int64_t i = 0; i < elements; ++i) {
        flags[i] = flags[i] != 0 ? 1 : 0;
      }
    }
  }
  return tensor;
}

Napi::Value tensor_to_js(Napi::Env env, const at::Tensor& tensor) {
  for (const auto& dtype : DTYPES) {
    if (tensor.scalar_type() != dtype.scalar) {
      continue;
    }
    const auto elements = static_cast<size_t>(tensor.numel());
    // Copied, not wrapped: Electron refuses external memory, and a wrapped tensor would outlive its model's arena.
    Napi::ArrayBuffer buffer = new_buffer(env, elements * dtype.bytes);
    if (elements > 0) {
      std::memcpy(buffer.Data(), tensor.data_ptr(), elements * dtype.bytes);
    }
    napi_value array = nullptr;
    NAPI_THROW_IF_FAILED(env, napi_create_typedarray(env, dtype.array, elements, buffer, 0, &array), env.Undefined());
    Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(tensor.dim()));
    for (int64_t i = 0; i < tensor.dim(); ++i) {
      shape.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(tensor.size(i))));
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("dtype", dtype.name);
    object.Set("shape", shape);
    object.Set("data", Napi::Value(env, array));
    return object;
  }
  throw Napi::TypeError::New(env, std::string("The result holds a tensor of dtype ") +
                                      c10::toString(tensor.scalar_type()) +
                                      ", which has no typed array in JavaScript; convert it inside the model");
}

}  // namespace e2v
