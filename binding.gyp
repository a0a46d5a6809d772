{
  # The bridge: node-gyp (so prebuildify, and node-gyp-build's fallback) drives cmake-js, and CMakeLists.txt stays the only
  # list of sources.
  "targets": [
    {
      "target_name": "emotion2vec",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/emotion2vec.node"],
          "action": ["node", "scripts/build-addon.js"]
        }
      ]
    }
  ]
}
