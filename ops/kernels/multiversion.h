// Compiles a function for several instruction sets; the best that the machine has is chosen when the program starts.
//
//   GRADUS_MULTIVERSION void AddTo(const float* x, int64_t n, float* y) { ... }
//
// GRADUS_AVX2 compiles a function for AVX2 and FMA only; the caller asks VectorWidth() (tile_gemm.h) first.
//
// Only loops written in the function itself, or in functions marked GRADUS_INLINE that it calls, are compiled so; the
// body of an OpenMP region is not. Pointers that do not overlap need __restrict for the loops to become vector code.
#ifndef GRADUS_OPS_KERNELS_MULTIVERSION_H_
#define GRADUS_OPS_KERNELS_MULTIVERSION_H_

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GRADUS_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#define GRADUS_AVX2 __attribute__((target("arch=x86-64-v3")))
#else
#define GRADUS_MULTIVERSION
#define GRADUS_AVX2
#endif

#define GRADUS_INLINE inline __attribute__((always_inline))

#endif  // GRADUS_OPS_KERNELS_MULTIVERSION_H_
