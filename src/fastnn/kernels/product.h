/* Matrix products. This part stands in C because Cython has no vector types, and a product is
   as fast as its accumulators' stay in registers; the rest is in product_body.h, one body for
   float and double.

   How it works, after Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication,
   2008), with less packing, since the matrices of a training step mostly fit into the caches:

   - A *tile* of C, up to FASTNN_ROWS rows by two vectors, is kept in registers while k runs.
     An element of A is broadcast, two vectors of B are loaded.
   - A is read where it lies, by any strides.
   - B's rows are read where they lie as long as all of B fits into the second-level cache or
     few rows of C share it; else, and where B is transposed, a block of it is copied.
   - Where B is transposed, copying would often cost more than it saves: *dots*, dot products
     with the vectors along k, need no copy, but must add up their lanes.

   An element of C is one chain of multiply-adds over k (over blocks of k, or lanes of it, that
   are added up in a fixed order). So its bits don't depend on where C is cut. */

#ifndef FASTNN_PRODUCT_H
#define FASTNN_PRODUCT_H

#include <string.h>

#if defined(__GNUC__)
#define FASTNN_INLINE static inline __attribute__((always_inline))
#define FASTNN_NOINLINE static __attribute__((noinline))
#define FASTNN_UNROLL _Pragma("GCC unroll 32")
#define FASTNN_PREFETCH(p) __builtin_prefetch(p)
/* Bytes of a vector, and rows of a tile: two vectors a row, and some to spare, must fit into the
   32 registers of AVX-512 or AArch64, or the 16 of older x86. */
#if defined(__AVX512F__)
#define FASTNN_VECTOR 64
#define FASTNN_ROWS 12
#elif defined(__AVX__)
#define FASTNN_VECTOR 32
#define FASTNN_ROWS 6
#elif defined(__aarch64__)
#define FASTNN_VECTOR 16
#define FASTNN_ROWS 12
#else
#define FASTNN_VECTOR 16
#define FASTNN_ROWS 6
#endif
#define FASTNN_LANES(size) (FASTNN_VECTOR / (size))
#if FASTNN_ROWS < 12
#define FASTNN_SUMS 8
#else
#define FASTNN_SUMS 16
#endif
#else
/* Without vector types a "vector" is one number, and the same body still works. */
#define FASTNN_INLINE static
#define FASTNN_NOINLINE static
#define FASTNN_UNROLL
#define FASTNN_PREFETCH(p) ((void)(p))
#define FASTNN_ROWS 4
#define FASTNN_LANES(size) 1
#endif

/* A copied block of B: rows, and bytes of a row. 256 KB, a part of the second-level cache. */
#define FASTNN_BLOCK_K 512
#define FASTNN_BLOCK_BYTES 512

/* Bytes of B up to which its rows are read where they lie. */
#define FASTNN_UNPACKED (1 << 20)

#define FASTNN_PRODUCT_SCRATCH (FASTNN_BLOCK_K * FASTNN_BLOCK_BYTES)

/* Matrices of C's shape that will be needed next, to be brought from memory while a product keeps
   the processor busy: parameters and optimizer state, after their gradient. */
#define FASTNN_AHEAD 3
typedef struct {
    const char *at[FASTNN_AHEAD];   /* NULL: none */
    Py_ssize_t row;                 /* bytes from row to row */
} fastnn_ahead;

#define FASTNN_JOIN(a, b) a##_##b
#define FASTNN_NAME(a, b) FASTNN_JOIN(a, b)
#define NAME(x) FASTNN_NAME(x, REAL)

#define REAL float
#define INTEGER int
#define LANES FASTNN_LANES(4)
#include "product_body.h"
#undef REAL
#undef INTEGER
#undef LANES

#define REAL double
#define INTEGER long long
#define LANES FASTNN_LANES(8)
#include "product_body.h"
#undef REAL
#undef INTEGER
#undef LANES

#undef NAME

#endif
