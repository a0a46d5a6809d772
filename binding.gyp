{
  # The bridge from node-gyp, which prebuildify and the fallback of node-gyp-build use, to cmake-js: CMakeLists.txt stays the
  # only list of sources.
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
