#include "graph/onednn_kernel.h"
