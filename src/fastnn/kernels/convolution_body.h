/* Included by convolution.h once for each type; see product_body.h. */

#define VEC NAME(vec)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, v) (*(VEC *)(p) = (v))

/* Some rows of a channel of the image as rows of a frame, from row `first` of the frame on. */
static void NAME(frame_rows)(
    const REAL *x, const fastnn_stencil *w, Py_ssize_t first, Py_ssize_t rows, REAL *frame)
{
    const Py_ssize_t columns = fastnn_frame_columns(w), phases = fastnn_frame_phases(w);
    const Py_ssize_t pitch = fastnn_frame_pitch(w), step = w->stride_x;
    Py_ssize_t r, phase, begin, end, i;
    for (phase = 0; phase < phases; phase++, frame += columns) {
        fastnn_frame_range(w, phase, &begin, &end);
        for (r = 0; r < rows; r++) {
            const Py_ssize_t y = first + r - w->top;
            const REAL *row = x + y * w->width + phase - w->left;
            REAL *to = frame + r * pitch;
            if (y < 0 || y >= w->height) {
                memset(to, 0, columns * sizeof(REAL));
                continue;
            }
            for (i = 0; i < begin; i++)
                to[i] = 0;
            if (step == 1)
                for (; i < end; i++)
                    to[i] = row[i];
            else
                for (; i < end; i++)
                    to[i] = row[i * step];
            for (; i < columns; i++)
                to[i] = 0;
        }
    }
}

FASTNN_INLINE void NAME(copy_run)(const REAL *from, REAL *to, Py_ssize_t n)
{
    Py_ssize_t i;
    if (n < LANES) {
        memcpy(to, from, n * sizeof(REAL));
        return;
    }
    for (i = 0; i + LANES < n; i += LANES)
        STORE(to + i, LOAD(from + i));
    STORE(to + n - LANES, LOAD(from + n - LANES));      /* overlaps */
}

/* What a tap meets at `count` pixels, of which the first is in column `column` of the output: along
   rows of the output, which are `wide`, it lies side by side. `from` is what belongs to the first
   row's beginning, the next row's is `step` further. */
FASTNN_INLINE void NAME(copy_tap)(
    const REAL *from, Py_ssize_t step, Py_ssize_t column, Py_ssize_t wide, Py_ssize_t count,
    REAL *to)
{
    Py_ssize_t n = wide - column < count ? wide - column : count;
    if (column > 0) {
        NAME(copy_run)(from + column, to, n);
        to += n;
        from += step;
        count -= n;
    }
    if (wide < LANES)   /* whole vectors: the next row overwrites what is too much */
        for (; count >= LANES; count -= wide, to += wide, from += step)
            STORE(to, LOAD(from));
    for (; count >= wide; count -= wide, to += wide, from += step)
        NAME(copy_run)(from, to, wide);
    if (count > 0)
        NAME(copy_run)(from, to, count);
}

/* The rows [begin, end) and columns [first, last) of the unfolded image: row t = (channel, ky, kx)
   has what the tap meets at each pixel of the output. `scratch` has room for a channel's frame of
   the rows needed, and a vector more. */
static void NAME(unfold)(
    const REAL *x, const fastnn_stencil *w, Py_ssize_t begin, Py_ssize_t end,
    Py_ssize_t first, Py_ssize_t last, REAL *to, Py_ssize_t to_row, REAL *scratch)
{
    const Py_ssize_t wide = w->out_width, taps = w->kernel_y * w->kernel_x;
    const Py_ssize_t column = first % wide, top = first / wide * w->stride_y;
    const Py_ssize_t rows = fastnn_frame_rows(w, (last - 1) / wide - first / wide + 1);
    /* Whether what taps meet lies side by side in the image itself, a vector at least. */
    const int plain = w->stride_x == 1 && w->top == 0 && w->left == 0 && wide >= LANES
        && fastnn_frame_columns(w) <= w->width
        && fastnn_frame_rows(w, w->out_height) <= w->height;
    const Py_ssize_t pitch = plain ? w->width : fastnn_frame_pitch(w);
    Py_ssize_t ky = begin % taps / w->kernel_x, kx = begin % w->kernel_x;
    for (x += begin / taps * w->height * w->width; begin < end; x += w->height * w->width) {
        const REAL *image = x + top * w->width;
        if (!plain) {
            NAME(frame_rows)(x, w, top, rows, scratch);
            image = scratch;
        }
        for (; ky < w->kernel_y; ky++, kx = 0)
            for (; kx < w->kernel_x && begin < end; kx++, begin++, to += to_row)
                NAME(copy_tap)(
                    image + ky * w->dilation_y * pitch + fastnn_frame_tap(w, kx),
                    w->stride_y * pitch, column, wide, last - first, to);
        ky = 0;
    }
}

/* to[i] += from[i]. The last vector is whole: `keep` ends in zeros for lanes past the end. */
FASTNN_INLINE void NAME(add_run)(
    const REAL *from, REAL *to, Py_ssize_t n, const INTEGER *keep)
{
    Py_ssize_t i = 0;
#if LANES > 1
    for (; i + LANES <= n; i += LANES)
        STORE(to + i, LOAD(to + i) + LOAD(from + i));
    if (i < n) {
        const NAME(mask) mine = *(const NAME(mask) *)(keep + LANES - (n - i));
        STORE(to + i, LOAD(to + i) + (VEC)(mine & *(const NAME(mask) *)(from + i)));
    }
#else
    for (; i < n; i++)
        to[i] += from[i];
#endif
}

/* The way back: adds the columns [first, last) of some channels' unfolded gradient to their
   frames, which are whole. A vector past the end of both is touched, but not changed. */
static void NAME(fold)(
    const REAL *from, Py_ssize_t from_row, const fastnn_stencil *w, Py_ssize_t channels,
    Py_ssize_t first, Py_ssize_t last, REAL *frames)
{
    const Py_ssize_t wide = w->out_width, taps = w->kernel_y * w->kernel_x;
    const Py_ssize_t pitch = fastnn_frame_pitch(w), step = w->stride_y * pitch;
    const Py_ssize_t size = fastnn_frame_rows(w, w->out_height) * pitch;
    const Py_ssize_t start = first % wide, top = first / wide * step;
    Py_ssize_t c, ky, kx, n, i;
    INTEGER keep[2 * LANES];
    for (i = 0; i < LANES; i++) {
        keep[i] = -1;
        keep[LANES + i] = 0;
    }
    for (c = 0; c < channels; c++, from += taps * from_row, frames += size)
        /* Taps of one kx in turn: what was stored a moment ago is then loaded in the same
           vectors, which the processor forwards, and not in others, for which it waits. */
        for (kx = 0; kx < w->kernel_x; kx++) {
            REAL *corner = frames + top + fastnn_frame_tap(w, kx);
            for (ky = 0; ky < w->kernel_y; ky++, corner += w->dilation_y * pitch) {
                const REAL *at = from + (ky * w->kernel_x + kx) * from_row;
                Py_ssize_t left = last - first, column = start;
                REAL *to = corner;
                for (; left > 0; left -= n, at += n, to += step, column = 0) {
                    n = wide - column < left ? wide - column : left;
                    NAME(add_run)(at, to + column, n, keep);
                }
            }
        }
}

/* The images in some channels' frames. */
static void NAME(crop)(
    const REAL *frames, const fastnn_stencil *w, Py_ssize_t channels, REAL *x)
{
    const Py_ssize_t columns = fastnn_frame_columns(w), phases = fastnn_frame_phases(w);
    const Py_ssize_t rows = fastnn_frame_rows(w, w->out_height), step = w->stride_x;
    const Py_ssize_t pitch = fastnn_frame_pitch(w);
    Py_ssize_t c, y, phase, begin, end, i;
    for (c = 0; c < channels; c++, frames += rows * pitch)
        for (y = 0; y < w->height; y++, x += w->width) {
            memset(x, 0, w->width * sizeof(REAL));      /* what no tap meets */
            for (phase = 0; phase < phases && y + w->top < rows; phase++) {
                const REAL *frame = frames + (y + w->top) * pitch + phase * columns;
                REAL *row = x + phase - w->left;
                fastnn_frame_range(w, phase, &begin, &end);
                if (step == 1)
                    for (i = begin; i < end; i++)
                        row[i] = frame[i];
                else
                    for (i = begin; i < end; i++)
                        row[i * step] = frame[i];
            }
        }
}

#undef VEC
#undef LOAD
#undef STORE
