/* What a convolution needs beside a matrix product. This part stands in C for the same reason as
   product.h, whose vectors it uses; the rest is in convolution_body.h.

   A convolution is a product of its weights with a matrix that has a row for each tap of the
   kernel (channel, ky, kx) and a column for each pixel of the output. That matrix is never whole
   in memory: *unfold* makes a block of it, which stays in the second-level cache, and the product
   reads it from there. *fold* is the way back: it adds such a block to the pixels that it came
   from.

   Copying costs little, as an element that is copied is multiplied by every output map. What
   makes it cheap is that taps are rows of pixels that lie side by side in memory. So where the
   image has a border of zeros, or the kernel moves by more than one pixel, a *frame* is made
   first, a channel at a time: the image with its border, columns sorted by their remainder of
   the step. */

#ifndef FASTNN_CONVOLUTION_H
#define FASTNN_CONVOLUTION_H

#include "product.h"
#include "stencil.h"

#define NAME(x) FASTNN_NAME(x, REAL)

#define REAL float
#define INTEGER int
#define LANES FASTNN_LANES(4)
#include "convolution_body.h"
#undef REAL
#undef INTEGER
#undef LANES

#define REAL double
#define INTEGER long long
#define LANES FASTNN_LANES(8)
#include "convolution_body.h"
#undef REAL
#undef INTEGER
#undef LANES

#undef NAME

#endif
