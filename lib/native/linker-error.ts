import type { Problem } from '../shared/errors.js';
import { MIN_GLIBC } from './platform.js';

const ADDRESS_SPACE = 'Free memory, or raise the limit of the address space (ulimit -v).';
export const REBUILD =
  'Remove build/Release (or prebuilds/) and run `npx emotion2vec setup`, which builds the addon on this machine.';

/**
 * Explains a message of glibc's dynamic linker. No other file parses these messages.
 * @param file the file that was to be loaded, as the explanation names it
 */
export function explainLinker(file: string, message: string): Problem {
  const symbolVersion = /version [`']((GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(message)?.[1];
  if (symbolVersion !== undefined) {
    return {
      code: 'ERR_PLATFORM',
      kind: 'old-system',
      what: `${file} needs ${symbolVersion.replace('_', ' ')}, and this system is older`,
      remedy: `${REBUILD} libtorch itself needs glibc ${MIN_GLIBC}.`,
    };
  }
  if (/invalid ELF header|wrong ELF class|exec format|ELF file's phentsize|file too short/i.test(message)) {
    return {
      code: 'ERR_PLATFORM',
      what: `${file} is not for this machine (${message})`,
      remedy: `It was copied from another system, or is damaged. ${REBUILD}`,
    };
  }
  const [, missing, why] = /^(\S+): cannot open shared object file(: .*)?$/.exec(message) ?? [];
  if (missing !== undefined && (missing === file || missing.endsWith('.node'))) {
    // glibc writes this about an existing file that was built for another processor.
    return { code: 'ERR_ADDON_MISSING', what: `${file} is not for this machine (${message})`, remedy: REBUILD };
  }
  if (missing !== undefined && why !== undefined) {
    return {
      code: 'ERR_LIBTORCH_MISSING',
      what: `${file} needs ${missing}, which was not found next to it`,
      remedy:
        'Remove that libtorch and run `npx emotion2vec setup`. The libtorch that LIBTORCH names must keep its layout (torch/lib, nvidia/cu13/lib).',
    };
  }
  if (/undefined symbol|version .* not found/.test(message)) {
    return {
      code: 'ERR_ADDON_MISSING',
      what: `${file} was built for another libtorch (${message})`,
      remedy: REBUILD,
    };
  }
  if (/cannot allocate memory|failed to map segment|cannot create|cannot enable executable/i.test(message)) {
    return { code: 'ERR_OUT_OF_MEMORY', what: `${file} does not fit into memory (${message})`, remedy: ADDRESS_SPACE };
  }
  return { code: 'ERR_LIBTORCH_MISSING', what: message };
}

/**
 * Finds the dynamic linker's message in what a process wrote to stderr, such as
 * `node: error while loading shared libraries: x.so: cannot open ...`, and returns it without what precedes it.
 */
export function findLinkerMessage(stderr: string): string | undefined {
  const line = stderr
    .split('\n')
    .find((each) => /\.so[.\d]*: |symbol lookup error|version `[A-Z]+_[\d.]+' not found|ELF/.test(each));
  return line?.replace(/^.*(error while loading shared libraries|symbol lookup error): /, '').trim();
}
