declare module '*.ogg' {
  /** URL of the file in the built page. */
  const url: string;
  export default url;
}
