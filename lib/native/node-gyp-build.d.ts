declare module 'node-gyp-build' {
  const nodeGypBuild: {
    /** Returns the path of the binary for this version of Node. @throws Error if there is none */
    path(packageFolder: string): string;
  };
  export default nodeGypBuild;
}
