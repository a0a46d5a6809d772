/** The typed array that holds the elements of each dtype. float16 and bfloat16 are raw bits; bool is 0 or 1. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
}

/** The type of a tensor's elements. */
export type Dtype = keyof TensorArrays;

/** A tensor. */
export interface Tensor<D extends Dtype = Dtype> {
  /** The type of the elements. */
  dtype: D;
  /** The size of each dimension. `[]` for a scalar. */
  shape: number[];
  /** The elements in row-major order, as many as the product of `shape`. */
  data: TensorArrays[D];
}

/** A tensor of any dtype, with its data in the typed array of that dtype. */
export type AnyTensor = { [D in Dtype]: Tensor<D> }[Dtype];

/**
 * An argument of a method: a tensor, number, bigint, string, boolean, null, array (for a list or tuple), or an object or Map (for
 * a dict), as the TorchScript signature requires. A NamedTuple is an array, or an object with its fields by name.
 */
export type TorchInput =
  | AnyTensor
  | number
  | bigint
  | string
  | boolean
  | null
  | readonly TorchInput[]
  | ReadonlyMap<TorchInput, TorchInput>
  | { readonly [key: string]: TorchInput };
