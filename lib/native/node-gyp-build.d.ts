declare module 'node-gyp-build' {
  const nodeGypBuild: {
    /** Returns the path of the binary that fits this Node; throws if there is none. */
    path(packageFolder: string): string;
  };
  export default nodeGypBuild;
}
