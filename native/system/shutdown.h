// Shutdown of the queues at the end of the process. TorchScript cannot be interrupted, so that work may still be
// running then.
#pragma once

namespace e2v {

// Drops queued work and waits for running work, for at most EMOTION2VEC_EXIT_WAIT_MS milliseconds (default 5000). If
// work is still running after that, the process ends immediately once it exits, with the status that it would have had
// and a line on stderr that gives the reason.
void drain_queues();

// Does the same, and accepts no further work.
void close_queues();

}  // namespace e2v
