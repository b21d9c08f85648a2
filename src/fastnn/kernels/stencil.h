/* What the kernel of a convolution meets, for the engine as well as for kernels.

   A *frame* is a channel of the image with its border of zeros, cut to what the kernel reaches.
   Its columns are sorted by their remainder of the kernel's step, the *phase*, so that what a tap
   meets along a row of the output lies side by side. */

#ifndef FASTNN_STENCIL_H
#define FASTNN_STENCIL_H

typedef struct {
    Py_ssize_t height, width;               /* of the image */
    Py_ssize_t kernel_y, kernel_x;
    Py_ssize_t stride_y, stride_x;
    Py_ssize_t top, left;                   /* width of the border */
    Py_ssize_t dilation_y, dilation_x;
    Py_ssize_t out_height, out_width;
} fastnn_stencil;

/* Columns of the same remainder. */
static inline Py_ssize_t fastnn_frame_columns(const fastnn_stencil *w)
{
    return ((w->out_width - 1) * w->stride_x + (w->kernel_x - 1) * w->dilation_x) / w->stride_x
        + 1;
}

/* How many remainders the taps have, at most. */
static inline Py_ssize_t fastnn_frame_phases(const fastnn_stencil *w)
{
    const Py_ssize_t extent = (w->kernel_x - 1) * w->dilation_x + 1;
    return extent < w->stride_x ? extent : w->stride_x;
}

/* Numbers from row to row of a frame: enough for whole vectors of a row of the output, so that
   those of one row don't reach into the next. */
static inline Py_ssize_t fastnn_frame_pitch(const fastnn_stencil *w)
{
    const Py_ssize_t used = fastnn_frame_phases(w) * fastnn_frame_columns(w);
    const Py_ssize_t least = (w->out_width + 15) / 16 * 16;
    return used < least ? least : used;
}

/* Where the pixels of tap kx begin in a row of a frame. */
static inline Py_ssize_t fastnn_frame_tap(const fastnn_stencil *w, Py_ssize_t kx)
{
    const Py_ssize_t column = kx * w->dilation_x;
    return column % w->stride_x * fastnn_frame_columns(w) + column / w->stride_x;
}

/* Rows of a frame that so many rows of the output need. */
static inline Py_ssize_t fastnn_frame_rows(const fastnn_stencil *w, Py_ssize_t rows)
{
    return (rows - 1) * w->stride_y + (w->kernel_y - 1) * w->dilation_y + 1;
}

/* The range of frame columns of a remainder that lie on the image. */
static inline void fastnn_frame_range(
    const fastnn_stencil *w, Py_ssize_t phase, Py_ssize_t *begin, Py_ssize_t *end)
{
    const Py_ssize_t columns = fastnn_frame_columns(w), step = w->stride_x;
    const Py_ssize_t before = w->left - phase, until = w->left + w->width - phase;
    *begin = before <= 0 ? 0 : (before + step - 1) / step;
    *end = until <= 0 ? 0 : (until + step - 1) / step;
    if (*begin > columns)
        *begin = columns;
    if (*end > columns)
        *end = columns;
}

#endif
