'use strict';
// Loaded before Jazzer.js. Its prebuilt addon was linked on a newer Linux (glibc 2.38, GCC 13) than many in use, although it does not
// depend on it: it refers to strtol by its C23 name, and to a symbol that is never called. If the addon does not load, a copy is
// loaded that refers to older versions of these symbols. Source: the ELF gABI, chapters 4 and 5, and LSB 5.0, 10.7 (symbol versioning).
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const NEW_VERSIONS = ['GLIBC_2.38', 'GLIBCXX_3.4.32'];
const BASE_VERSION = 'GLIBC_2.2.5';
const C23 = '__isoc23_';
const [DYNSYM, VERNEED, VERSYM] = [11, 0x6ffffffe, 0x6fffffff]; // section types
const [VERSION_IS_WEAK, SYMBOL_IS_WEAK] = [2, 2];

const load = Module._extensions['.node'];
Module._extensions['.node'] = (module, file) => {
  if (!/@jazzer\.js[\\/]fuzzer[\\/]/.test(file) || process.platform !== 'linux') return load(module, file);
  try {
    return load(module, file);
  } catch (error) {
    if (!/version `.*' not found/.test(error.message)) throw error;
    const older = path.join(__dirname, '../build/fuzz', path.basename(file));
    mkdirSync(path.dirname(older), { recursive: true });
    const part = `${older}.${process.pid}.part`;
    writeFileSync(part, forOlderSystems(readFileSync(file)));
    renameSync(part, older); // atomic, because another process may have the file open
    return load(module, older);
  }
};

function forOlderSystems(elf) {
  const sections = sectionsOf(elf);
  const [symbols, needs, versions] = [DYNSYM, VERNEED, VERSYM].map((type) =>
    sections.find((each) => each.type === type),
  );
  const strings = sections[symbols.link].offset;
  const text = (at) => elf.toString('latin1', strings + at, elf.indexOf(0, strings + at));

  const numbers = new Map();
  for (let need = needs.offset, more = true; more; need += elf.readUInt32LE(need + 12)) {
    for (let at = need + elf.readUInt32LE(need + 8), left = elf.readUInt16LE(need + 2); left > 0; left--) {
      const name = text(elf.readUInt32LE(at + 8));
      if (name !== BASE_VERSION || text(elf.readUInt32LE(need + 4)) === 'libc.so.6')
        numbers.set(name, elf.readUInt16LE(at + 6));
      if (NEW_VERSIONS.includes(name)) elf.writeUInt16LE(VERSION_IS_WEAK, at + 4);
      at += elf.readUInt32LE(at + 12);
    }
    more = elf.readUInt32LE(need + 12) !== 0;
  }
  const missing = NEW_VERSIONS.map((name) => numbers.get(name));
  for (let i = 0; i < symbols.size / 24; i++) {
    const [symbol, version] = [symbols.offset + i * 24, versions.offset + i * 2];
    if (!missing.includes(elf.readUInt16LE(version))) continue;
    const name = elf.readUInt32LE(symbol);
    if (text(name).startsWith(C23)) {
      elf.writeUInt32LE(name + C23.length, symbol);
      elf.writeUInt16LE(numbers.get(BASE_VERSION), version);
    } else {
      elf[symbol + 4] = (SYMBOL_IS_WEAK << 4) | (elf[symbol + 4] & 15);
    }
  }
  return elf;
}

/** Returns the sections of a 64-bit little-endian ELF file, as used by Linux on x64 and arm64. */
function sectionsOf(elf) {
  const table = Number(elf.readBigUInt64LE(0x28));
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, i) => {
    const at = table + i * elf.readUInt16LE(0x3a);
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
    };
  });
}
