// libtorch asks for its CUDA part once a process, whenever the first convolution on the CPU wants to know of cuDNN, and
// keeps the answer. Where CUDA is opened later, as here, it would never be found.
#pragma once

namespace e2v {

// Before libtorch asks: its answer is ours from now on, "no CUDA" until adopt_cuda_hooks().
void defer_cuda_hooks();

// Once libtorch_cuda is open. Harmless before, and twice.
void adopt_cuda_hooks();

}  // namespace e2v
