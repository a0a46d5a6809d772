/**
 * zod as the package uses it. `npm run compile` replaces the compiled file by a bundle of exactly these functions, because
 * zod's own entry points load every locale: 36 ms instead of 6 ms of a `require` that may take 50 ms.
 */
export {
  array,
  boolean,
  coerce,
  custom,
  enum,
  function,
  instanceof,
  type input,
  type infer,
  literal,
  looseObject,
  number,
  object,
  type output,
  preprocess,
  record,
  strictObject,
  string,
  stringbool,
  undefined,
  union,
  unknown,
  type core,
  type ZodError,
  type ZodType,
} from 'zod';
