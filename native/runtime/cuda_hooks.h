// Late opening of CUDA. libtorch looks up its CUDA part once per process, when the first convolution on the CPU asks
// about cuDNN, and keeps the result. If CUDA is opened later, as it is here, libtorch would never find it.
#pragma once

namespace e2v {

// Must be called before libtorch looks CUDA up. From then on, our hooks are found, which report "no CUDA" until
// adopt_cuda_hooks().
void defer_cuda_hooks();

// Call it once libtorch_cuda is open. An earlier or a repeated call does no harm.
void adopt_cuda_hooks();

}  // namespace e2v
