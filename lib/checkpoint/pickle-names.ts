/** Packages that can run code when a pickle names them. Of `builtins`, only the types below are harmless. */
const HOSTILE = new Set(
  [
    'os posix nt subprocess sys pty shutil commands multiprocessing asyncio concurrent',
    'socket urllib requests http ftplib smtplib telnetlib xmlrpc webbrowser ctypes',
    'runpy importlib imp pkgutil zipimport code codeop pdb bdb timeit trace platform',
    'pickle _pickle cloudpickle dill joblib marshal operator _operator inspect pip venv',
  ].flatMap((names) => names.split(' ')),
);
const BUILTINS = new Set(['builtins', '__builtin__', '__builtins__']);
const TYPES = new Set(
  'set frozenset list dict tuple object int float complex str bytes bytearray bool slice range long unicode'.split(' '),
);
const HOSTILE_NAMES =
  /^(torch\.(load|hub\..*|jit\..*|_C\..*)|numpy\.(load|.*runstring)|types\.(Function|Code|Method|Lambda)Type)$/;

/** Returns whether a pickle that names this could make Python run code. */
export function runsCode(module: string, name: string): boolean {
  const package_ = module.split('.', 1)[0]!;
  return (
    HOSTILE.has(package_) ||
    HOSTILE_NAMES.test(`${module}.${name}`) ||
    (BUILTINS.has(package_) && !TYPES.has(name)) ||
    name.includes('__') ||
    name.split('.').some((part, i, parts) => i < parts.length - 1 && HOSTILE.has(part)) // such as os.system by torch.serialization
  );
}
