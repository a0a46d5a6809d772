declare module 'audio-type' {
  /** The name of the format that the bytes begin as. Looks at the start of their buffer, whatever part of it they are. */
  export default function audioType(bytes: Uint8Array): string | undefined;
}
