# The signatures that kernels and engine agree on.
#
# A leaf is one operation over contiguous memory on the calling thread. It allocates nothing,
# checks nothing and touches no Python object. Buffers are passed as void*, because one driver
# serves float32 and float64; the table in _kernels.pyx hands out a leaf for each type, in a
# capsule that carries the name of its signature below, so that a leaf can't be called by
# another signature. Every leaf may be called on any part of its arrays (a block, a slab of
# rows), and gives the same bits for an element wherever the parts are cut, unless its comment
# says otherwise.

# x and y: (n). y may be x.
ctypedef void (*map_leaf)(  # "fastnn.map"
    const void* x,          # IN  (n)
    void* y,                # OUT (n)
    Py_ssize_t n,
    const double* params,   # IN  the operation's parameters, in the registry's order
) noexcept nogil

# The backward of a map: dx = grad * f'(saved), where saved is the x or the y of the forward.
ctypedef void (*grad_leaf)(  # "fastnn.grad"
    const void* grad,       # IN  (n)
    const void* saved,      # IN  (n)
    void* dx,               # OUT (n), may be grad or saved
    Py_ssize_t n,
    const double* params,
) noexcept nogil

# Row-wise operations (softmax): each row on its own.
ctypedef void (*rows_leaf)(  # "fastnn.rows"
    const void* x,          # IN  (rows, cols)
    void* y,                # OUT (rows, cols), may be x
    Py_ssize_t rows,
    Py_ssize_t cols,
) noexcept nogil

ctypedef void (*rows_grad_leaf)(  # "fastnn.rows_grad"
    const void* grad,       # IN  (rows, cols)
    const void* y,          # IN  (rows, cols), the forward's output
    void* dx,               # OUT (rows, cols), may be grad or y
    Py_ssize_t rows,
    Py_ssize_t cols,
) noexcept nogil

# The gated linear unit has these signatures too: x and dx are then (rows, 2 cols), grad and y
# (rows, cols), apart from each other, and rows_grad takes the forward's x in place of y.

# Returns sum over rows of weight[r] * loss(r), in double; writes the gradient of
# scale * that sum.
ctypedef double (*loss_leaf)(  # "fastnn.loss"
    const void* pred,       # IN  (rows, cols)
    const void* target,     # IN  (rows) of int64 class indices, where negative ones take the
                            #     row's weight away, or (rows, cols) like pred
    const void* weight,     # IN  (rows), or NULL for ones
    void* grad,             # OUT (rows, cols), may be pred; NULL for the loss alone
    Py_ssize_t rows,
    Py_ssize_t cols,
    double scale,
    const double* params,
) noexcept nogil

# One optimizer step over n parameters, in place.
ctypedef void (*update_leaf)(  # "fastnn.update"
    void* param,            # INOUT (n)
    const void* grad,       # IN    (n)
    void* state1,           # INOUT (n), NULL where the optimizer has none
    void* state2,           # INOUT (n), likewise; a third lies behind it, where hyper says so
    Py_ssize_t n,
    const double* hyper,    # IN    what the prepare leaf of the same optimizer wrote
) noexcept nogil

# What an update needs once a step, in double: bias corrections, effective rates.
ctypedef void (*prepare_leaf)(  # "fastnn.prepare"
    const double* config,   # IN  the optimizer's settings, in the order its comment gives
    double lr,
    double step,            # 1 for the first step
    double* hyper,          # OUT (16)
) noexcept nogil

# In-place addition of a vector to each row, or of a number to each.
ctypedef void (*bias_leaf)(  # "fastnn.bias"
    void* y,                # INOUT (rows, cols) with a row stride of ld elements
    const void* bias,       # IN    (cols), or (rows)
    Py_ssize_t rows,
    Py_ssize_t cols,
    Py_ssize_t ld,
) noexcept nogil

# Sums over rows, accumulated in double: sums[j] = sum_r x[r, j].
ctypedef void (*column_sum_leaf)(  # "fastnn.column_sum"
    const void* x,          # IN  (rows, cols) with a row stride of ld elements
    void* sums,             # OUT (cols)
    Py_ssize_t rows,
    Py_ssize_t cols,
    Py_ssize_t ld,
) noexcept nogil

# What penalties and clipping by value do to a gradient before an update:
# grad = clip(grad + l1 * sign(param) + l2 * param, -limit, limit)
ctypedef void (*regularize_leaf)(  # "fastnn.regularize"
    const void* param,      # IN    (n)
    void* grad,             # INOUT (n)
    Py_ssize_t n,
    double l1,
    double l2,
    double limit,           # infinity for no clipping
) noexcept nogil

# The sum of squares of n numbers, in double, in an order that depends on n alone.
ctypedef double (*sum_squares_leaf)(  # "fastnn.sum_squares"
    const void* x,          # IN (n)
    Py_ssize_t n,
) noexcept nogil

# y = a * x. y may be x.
ctypedef void (*scale_leaf)(  # "fastnn.scale"
    const void* x,          # IN  (n)
    void* y,                # OUT (n)
    Py_ssize_t n,
    double a,
) noexcept nogil

# y = a + b. y may be a or b.
ctypedef void (*add_leaf)(  # "fastnn.add"
    const void* a,          # IN  (n)
    const void* b,          # IN  (n)
    void* y,                # OUT (n)
    Py_ssize_t n,
) noexcept nogil

# Inverted dropout: y[i] = x[i] / (1 - p) where the noise of position first + i is at least p,
# else 0. The noise is a function of key and position alone. Backward is the same call on the
# gradient.
ctypedef void (*dropout_leaf)(  # "fastnn.dropout"
    const void* x,          # IN  (n)
    void* y,                # OUT (n), may be x
    Py_ssize_t n,
    Py_ssize_t first,
    unsigned long long key,
    double p,
) noexcept nogil

# y = x where x > 0, else weight * x: the weight of its element, or one for all (shared).
ctypedef void (*prelu_leaf)(  # "fastnn.prelu"
    const void* x,          # IN  (n)
    const void* weight,     # IN  (n), or (1)
    void* y,                # OUT (n), may be x
    Py_ssize_t n,
    bint shared,
) noexcept nogil

# Its backward: dx, and what the gradient of the weight is the sum of: grad * min(x, 0), by
# element, or summed in double where the weight is shared.
ctypedef void (*prelu_grad_leaf)(  # "fastnn.prelu_grad"
    const void* grad,       # IN  (n)
    const void* x,          # IN  (n)
    const void* weight,     # IN  (n), or (1)
    void* dx,               # OUT (n), may be grad
    void* terms,            # OUT (n), or (1)
    Py_ssize_t n,
    bint shared,
) noexcept nogil

# y = grad where x > 0, else slope * grad, of a random slope: uniform from lower to upper, or with
# reciprocal one over a number uniform from lower to upper. The noise is that of dropout; `first`
# to `first + n` do not cross a multiple of 2^32. Forward is the call with x as grad.
ctypedef void (*rrelu_leaf)(  # "fastnn.rrelu"
    const void* grad,       # IN  (n)
    const void* x,          # IN  (n)
    void* y,                # OUT (n), may be grad
    Py_ssize_t n,
    Py_ssize_t first,
    unsigned long long key,
    double lower,
    double upper,
    bint reciprocal,
) noexcept nogil

# y[i] is the largest of x[i], the first of equal ones, and which[i] tells its place. NaN is larger
# than any number.
ctypedef void (*maxout_leaf)(  # "fastnn.maxout"
    const void* x,          # IN  (n, pieces)
    void* y,                # OUT (n)
    int* which,             # OUT (n), or NULL
    Py_ssize_t n,
    Py_ssize_t pieces,
) noexcept nogil

# Its backward: dx[i] is zero but for dx[i, which[i]] = grad[i].
ctypedef void (*maxout_grad_leaf)(  # "fastnn.maxout_grad"
    const void* grad,       # IN  (n)
    const int* which,       # IN  (n)
    void* dx,               # OUT (n, pieces)
    Py_ssize_t n,
    Py_ssize_t pieces,
) noexcept nogil

# Rows out of a data set: y[r] = scale * x[index[r]], x of another type where its name says so.
ctypedef void (*gather_leaf)(  # "fastnn.gather"
    const void* x,              # IN  (any, cols) with a row stride of ld bytes
    const long long* index,     # IN  (rows), NULL for rows 0, 1, 2, ...
    void* y,                    # OUT (rows, cols)
    Py_ssize_t rows,
    Py_ssize_t cols,
    Py_ssize_t ld,
    double scale,
) noexcept nogil

# The windows of a pool over planes (height, width), with PyTorch's meaning of the words. A kernel
# of (0, 0) is adaptive: window i of n covers from floor(i size / n) to ceil((i + 1) size / n).
ctypedef struct Window:
    Py_ssize_t height, width
    Py_ssize_t out_height, out_width
    Py_ssize_t rows, cols           # the kernel
    Py_ssize_t row_stride, col_stride
    Py_ssize_t row_pad, col_pad
    Py_ssize_t row_dilation, col_dilation
    Py_ssize_t count_pad            # whether a mean counts the padding
    Py_ssize_t adds                 # whether a mean isn't divided: a sum

# Of each window one number. Every window holds an element of its plane at least.
ctypedef void (*pool_leaf)(  # "fastnn.pool"
    const void* x,              # IN  (planes, height, width)
    void* y,                    # OUT (planes, out_height, out_width)
    Py_ssize_t planes,
    const Window* w,
) noexcept nogil

ctypedef void (*pool_grad_leaf)(  # "fastnn.pool_grad"
    const void* grad,           # IN  (planes, out_height, out_width)
    const void* x,              # IN  like dx   } what the forward read and wrote;
    const void* y,              # IN  like grad } not for means
    void* dx,                   # OUT (planes, height, width)
    Py_ssize_t planes,
    const Window* w,
) noexcept nogil

# Noise: y[i] in [-1, 1), a function of key and i.
ctypedef void (*noise_leaf)(  # "fastnn.noise"
    void* y,                # OUT (n)
    Py_ssize_t n,           # below 2^32
    unsigned long long key,
) noexcept nogil

# An image, scaled, in a frame of background: a row and a column before it, two of each behind it.
ctypedef void (*pad_leaf)(  # "fastnn.pad"
    const void* x,          # IN  (height, width), of another type where its name says so
    void* y,                # OUT (height + 3, width + 3)
    Py_ssize_t height,
    Py_ssize_t width,
    double scale,
    double background,
) noexcept nogil

# Where the pixels of some rows of an image come from: of row i and column j from
#     row     map[0] i + map[1] j + map[2] + field[i, 0, j]
#     column  map[3] i + map[4] j + map[5] + field[i, 1, j]
# of another image of that size, brought into its frame: the upper left of four pixels there, and
# how far below and right of that. Pixels of rows map[6]..map[8], columns map[7]..map[9] come
# from outside.
ctypedef void (*locate_leaf)(  # "fastnn.locate"
    const double* map,      # IN  (10)
    const void* field,      # IN  (rows, 2, width), NULL for zeros
    int* at,                # OUT (rows, width), places in the padded image
    void* down,             # OUT (rows, width), in [0, 1)
    void* right,            # OUT (rows, width), in [0, 1)
    Py_ssize_t first,
    Py_ssize_t rows,
    Py_ssize_t height,
    Py_ssize_t width,
) noexcept nogil

# Bilinear interpolation of a padded image at places that a locate leaf gave.
ctypedef void (*interpolate_leaf)(  # "fastnn.interpolate"
    const void* x,          # IN  (any, ld)
    const int* at,          # IN  (n)
    const void* down,       # IN  (n)
    const void* right,      # IN  (n)
    void* y,                # OUT (n)
    Py_ssize_t n,
    Py_ssize_t ld,
) noexcept nogil

# Pixels in [0, 255] to the nearest whole number.
ctypedef void (*round_leaf)(  # "fastnn.round"
    const void* x,          # IN  (n)
    unsigned char* y,       # OUT (n)
    Py_ssize_t n,
) noexcept nogil

# Normalisation by channel. x lies as (rows, channels, length), all of it together; what belongs to
# channels is passed from the first of them on.

# Adds to `first` the sums of g and to `second` those of g (x - shift), where g is the gradient or,
# where that is NULL, x - shift itself. The shift of channel c is shift[c * step].
ctypedef void (*channel_sums_leaf)(  # "fastnn.channel_sums"
    const void* grad,           # IN  like x, or NULL
    const void* x,              # IN  (rows, channels, length)
    const void* shift,          # IN  (channels)
    double* first,              # INOUT (channels)
    double* second,             # INOUT (channels)
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length, Py_ssize_t step,
) noexcept nogil

# y = (x - shift) * scale + offset
ctypedef void (*channel_scale_leaf)(  # "fastnn.channel_scale"
    const void* x,              # IN  (rows, channels, length)
    void* y,                    # OUT like x, may be x
    const void* shift, const void* scale, const void* offset,   # IN (channels)
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length,
) noexcept nogil

# dx = scale * grad + slope * (x - shift) + constant; without the latter two x is not read.
ctypedef void (*channel_grad_leaf)(  # "fastnn.channel_grad"
    const void* grad,           # IN  (rows, channels, length)
    const void* x,              # IN  like grad
    void* dx,                   # OUT like grad, may be grad
    const void* shift, const void* scale,       # IN (channels)
    const void* slope, const void* constant,    # IN (channels), NULL: 0
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length,
) noexcept nogil

# From a batch's sums, or from running statistics, to mean and 1 / sqrt(var + eps) in double, and
# to shift, scale and offset.
ctypedef void (*channel_prepare_leaf)(  # "fastnn.channel_prepare"
    const double* partial,      # IN  (blocks, 2, channels), to be added up; NULL: not this batch's
    Py_ssize_t blocks,
    double count,               # of a channel's elements in the batch
    const void* first,          # IN  what the sums are about: for channel c, first[c * step]
    Py_ssize_t step,
    const void* weight, const void* bias,       # IN (channels), NULL: 1, 0
    void* running_mean,         # INOUT (channels); NULL: none, and without partial 0
    void* running_var,          # INOUT (channels); NULL: none, and without partial 1
    long long* batches,         # INOUT how many went into them; NULL: nobody counts
    const double* settings,     # IN  eps, momentum (below 0: the mean of all batches)
    Py_ssize_t channels,
    double* moments,            # OUT (2, channels)
    void* shift, void* scale, void* offset,     # OUT (channels)
) noexcept nogil

# From the sums of a gradient to those of the parameters, and to slope and constant.
ctypedef void (*channel_grad_prepare_leaf)(  # "fastnn.channel_grad_prepare"
    const double* partial,      # IN  (blocks, 2, channels)
    Py_ssize_t blocks,
    double count,               # as above; 0: the statistics aren't this batch's
    const double* moments,      # IN  (2, channels)
    const void* weight,         # IN  (channels), or NULL
    const void* shift,          # IN  (channels)
    void* dweight, void* dbias,     # OUT (channels), or NULL
    void* slope, void* constant,    # OUT (channels), where count isn't 0
    Py_ssize_t channels,
) noexcept nogil

# Layer normalisation, a row at a time: y = (x - mean) / sqrt(var + eps) * weight + bias.
ctypedef void (*row_norm_leaf)(  # "fastnn.row_norm"
    const void* x,              # IN  (rows, cols)
    const void* weight, const void* bias,       # IN (cols), NULL: 1, 0
    void* y,                    # OUT (rows, cols)
    double* moments,            # OUT (rows, 2): mean, 1 / sqrt(var + eps)
    Py_ssize_t rows,
    Py_ssize_t cols,
    double eps,
) noexcept nogil

ctypedef void (*row_norm_grad_leaf)(  # "fastnn.row_norm_grad"
    const void* grad,           # IN  (rows, cols)
    const void* x,              # IN  (rows, cols)
    const void* weight,         # IN  (cols), or NULL
    const double* moments,      # IN  (rows, 2)
    void* dx,                   # OUT (rows, cols), or NULL
    double* dweight,            # INOUT (cols), added to; NULL: not asked for
    double* dbias,              # INOUT (cols), likewise
    void* row,                  # (cols)
    Py_ssize_t rows,
    Py_ssize_t cols,
) noexcept nogil

# sums[j] = sum over blocks of partial[block, j]; blocks lie `step` apart.
ctypedef void (*block_sum_leaf)(  # "fastnn.block_sum"
    const double* partial,      # IN  (blocks, n)
    void* sums,                 # OUT (n)
    Py_ssize_t blocks,
    Py_ssize_t n,
    Py_ssize_t step,
) noexcept nogil

cdef enum:
    PRODUCT_SCRATCH = 262144    # bytes that a product needs to itself

# Matrices of the shape of a product's C that are needed after it: see kernels/product.h.
ctypedef struct Ahead:
    const char* at[3]           # NULL: none
    Py_ssize_t row              # bytes from row to row

# C (m, n) = alpha * A @ B, or C += alpha * A @ B. The element (i, p) of A is a[i a_row + p a_col],
# those of B likewise; one of the strides of B is 1.
ctypedef void (*product_leaf)(  # "fastnn.product"
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const void* a, Py_ssize_t a_row, Py_ssize_t a_col,  # IN (m, k)
    const void* b, Py_ssize_t b_row, Py_ssize_t b_col,  # IN (k, n)
    double alpha,
    bint add,
    void* c, Py_ssize_t c_row,  # OUT (m, n), INOUT with add
    const Ahead* ahead,         # IN, or NULL
    void* scratch,              # (PRODUCT_SCRATCH) bytes
) noexcept nogil

# C = A @ B^T. Where this is a part of a product, whole_m and whole_n are that one's.
ctypedef void (*product_transposed_leaf)(  # "fastnn.product_transposed"
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const void* a,              # IN  (m, k)
    const void* b,              # IN  (n, k)
    void* c, Py_ssize_t c_row,  # OUT (m, n)
    Py_ssize_t whole_m, Py_ssize_t whole_n,
    void* scratch,              # (PRODUCT_SCRATCH) bytes
) noexcept nogil

# C = A @ B^T, or C += A @ B^T, for rows any distance apart; whole_m and whole_n likewise.
ctypedef void (*product_rows_leaf)(  # "fastnn.product_rows"
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const void* a, Py_ssize_t a_row,    # IN  (m, k)
    const void* b, Py_ssize_t b_row,    # IN  (n, k)
    bint add,
    void* c, Py_ssize_t c_row,  # OUT (m, n), INOUT with add
    Py_ssize_t whole_m, Py_ssize_t whole_n,
    void* scratch,              # (PRODUCT_SCRATCH) bytes
) noexcept nogil

cdef extern from "kernels/stencil.h":
    ctypedef struct Stencil "fastnn_stencil":
        Py_ssize_t height, width            # of the image
        Py_ssize_t kernel_y, kernel_x
        Py_ssize_t stride_y, stride_x
        Py_ssize_t top, left                # width of the border of zeros
        Py_ssize_t dilation_y, dilation_x
        Py_ssize_t out_height, out_width
    Py_ssize_t frame_pitch "fastnn_frame_pitch"(const Stencil* w) noexcept nogil
    Py_ssize_t frame_rows "fastnn_frame_rows"(const Stencil* w, Py_ssize_t rows) noexcept nogil

# A part of the matrix of what each tap (channel, ky, kx) meets at each pixel of the output.
ctypedef void (*unfold_leaf)(  # "fastnn.unfold"
    const void* x,              # IN  (channels, height, width)
    const Stencil* stencil,
    Py_ssize_t begin, Py_ssize_t end,       # rows: taps
    Py_ssize_t first, Py_ssize_t last,      # columns: pixels
    void* y, Py_ssize_t y_row,  # OUT (end - begin, last - first)
    void* scratch,              # (frame_rows of the pixels' rows * frame_pitch) and a vector more
) noexcept nogil

# Adds some channels' part of such a matrix to their frames: see kernels/convolution.h.
ctypedef void (*fold_leaf)(  # "fastnn.fold"
    const void* x, Py_ssize_t x_row,        # IN    (channels * taps, last - first), and a vector
    const Stencil* stencil,
    Py_ssize_t channels,
    Py_ssize_t first, Py_ssize_t last,
    void* frames,               # INOUT (channels, frame_rows, frame_pitch), and a vector more
) noexcept nogil

# The images in some channels' frames.
ctypedef void (*crop_leaf)(  # "fastnn.crop"
    const void* frames,         # IN  (channels, frame_rows, frame_pitch)
    const Stencil* stencil,
    Py_ssize_t channels,
    void* x,                    # OUT (channels, height, width)
) noexcept nogil

# y[j, i] = x[i, j]
ctypedef void (*transpose_leaf)(  # "fastnn.transpose"
    const void* x,              # IN  (rows, cols)
    void* y, Py_ssize_t y_row,  # OUT (cols, rows)
    Py_ssize_t rows,
    Py_ssize_t cols,
) noexcept nogil

# The sum of n numbers, in double, in an order that depends on n alone.
ctypedef double (*sum_leaf)(  # "fastnn.sum"
    const void* x,          # IN (n)
    Py_ssize_t n,
) noexcept nogil

# One step of one sample of a recurrent layer of n units, whose cell has g gates. `c` and `dc` are
# those of cells that have such a state, and unused in others; how much is kept is the cell's.
ctypedef void (*cell_forward_leaf)(  # "fastnn.cell_forward"
    void* gates,            # INOUT (g n): W_ih x + b_ih; then what backward computes from
    const void* recurrent,  # IN    (g n): W_hh h
    const void* bias,       # IN    (g n): b_hh
    void* h,                # INOUT (n)
    void* c,                # INOUT (n)
    void* kept,             # OUT   what backward needs besides
    Py_ssize_t n,
) noexcept nogil

ctypedef void (*cell_backward_leaf)(  # "fastnn.cell_backward"
    void* gates,            # INOUT (g n): what forward left; then the gradient of W_ih x + b_ih
    void* recurrent,        # OUT   (g n): the gradient of W_hh h + b_hh
    const void* kept,       # IN
    const void* before,     # IN    (n): the h that forward began with
    void* dh,               # INOUT (n): the gradient of the new h; then of `before`, less what
                            #            comes by W_hh
    void* dc,               # INOUT (n): the same of c
    Py_ssize_t n,
) noexcept nogil

# Of each sequence the number of steps up to the last that isn't all padding.
ctypedef void (*count_steps_leaf)(  # "fastnn.count_steps"
    const void* x,          # IN  (rows, steps, cols)
    long long* lengths,     # OUT (rows)
    Py_ssize_t rows,
    Py_ssize_t steps,
    Py_ssize_t cols,
    double padding,
) noexcept nogil

# y[i] = weight[index[i]].
ctypedef void (*embedding_leaf)(  # "fastnn.embedding"
    const void* weight,         # IN  (any, cols)
    const long long* index,     # IN  (count)
    void* y,                    # OUT (count, cols)
    Py_ssize_t count,
    Py_ssize_t cols,
) noexcept nogil

# Sums of some rows, accumulated in double: sums[j] = sum_i x[index[i], j].
ctypedef void (*sum_rows_leaf)(  # "fastnn.sum_rows"
    const void* x,              # IN  (any, cols)
    const long long* index,     # IN  (count)
    void* sums,                 # OUT (cols)
    Py_ssize_t count,
    Py_ssize_t cols,
) noexcept nogil
