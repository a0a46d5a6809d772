declare module '*.ogg' {
  /** Where the built page finds it. */
  const url: string;
  export default url;
}
