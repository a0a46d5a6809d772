// The table of the kernels of one instruction set.
#include "kernels/kernel_set.h"

#define NAME_OF(set) #set
#define NAME(set) NAME_OF(set)

namespace e2v {

extern const Kernels SET::kernels = {
    NAME(SET),    attend_head, attend_head_scratch, norm_rows, quantize_rows,
#ifdef __AVX2__
    int8_product,
#else
    nullptr,
#endif
};

}  // namespace e2v
