const FORMAT_FLOAT = 3;

/**
 * Returns the header of a mono WAV file with 32-bit float samples, which store the model's input without rounding.
 * @param count number of samples
 */
export function wavHeader(count: number, sampleRate: number): Uint8Array {
  const bytes = count * 4;
  const header = Buffer.alloc(58);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(50 + bytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(18, 16);
  header.writeUInt16LE(FORMAT_FLOAT, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 4, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(32, 34);
  header.write('fact', 38, 'latin1'); // required for formats other than integer PCM: the number of samples
  header.writeUInt32LE(4, 42);
  header.writeUInt32LE(count, 46);
  header.write('data', 50, 'latin1');
  header.writeUInt32LE(bytes, 54);
  return header;
}
