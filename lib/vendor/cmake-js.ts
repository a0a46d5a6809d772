/** The command line of cmake-js, which lib/native/build.ts starts in a process of its own. */
import 'cmake-js/bin/cmake-js';
