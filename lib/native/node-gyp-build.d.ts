declare module 'node-gyp-build' {
  const nodeGypBuild: {
    /** The path of the binary that fits this Node, throwing where there is none. */
    path(packageFolder: string): string;
  };
  export default nodeGypBuild;
}
