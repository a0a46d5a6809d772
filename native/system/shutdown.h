// The end of the process while work runs that cannot be stopped: TorchScript takes no interruption.
#pragma once

namespace e2v {

// Waits for the work under way, for as long as EMOTION2VEC_EXIT_WAIT_MS says (5000), and drops what is queued. What
// runs longer is left: when the process exits it ends at once then, with the status that it would have had, after a
// line on stderr that says why.
void drain_queues();

// The same, and no work is taken from now on.
void close_queues();

}  // namespace e2v
