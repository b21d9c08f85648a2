# The table of operations.

cdef enum:
    OP_MAP
    OP_GRAD
    OP_ADD
    OP_COLUMNS
    OP_ROWS
    OP_ROWS_GRAD
    OP_BIAS_MAP
    OP_LINEAR_FORWARD
    OP_LINEAR_BACKWARD_INPUT
    OP_LINEAR_BACKWARD_WEIGHT
    OP_LINEAR_DESCEND
    OP_BIAS_BACKWARD
    OP_WEIGHT_SUM
    OP_LOSS
    OP_LOSS_MEAN
    OP_PREPARE
    OP_UPDATE
    OP_SQUARES
    OP_CLIP_FACTOR
    OP_PENALTY
    OP_LIMIT_ROWS
    OP_DROPOUT
    OP_CHANNEL_SUMS
    OP_CHANNEL_PREPARE
    OP_CHANNEL_SCALE
    OP_CHANNEL_GRAD_PREPARE
    OP_CHANNEL_GRAD
    OP_ROW_NORM
    OP_ROW_NORM_GRAD
    OP_BLOCK_SUM
    OP_POOL
    OP_POOL_GRAD
    OP_PRELU_FORWARD
    OP_PRELU_BACKWARD
    OP_RRELU
    OP_MAXOUT
    OP_MAXOUT_GRAD
    OP_GLU
    OP_GLU_GRAD
    OP_PYTHON
    OP_GATHER
    OP_CONVOLUTION_FORWARD
    OP_CONVOLUTION_BACKWARD_INPUT
    OP_CONVOLUTION_BACKWARD_WEIGHT
    OP_CONVOLUTION_SUM_WEIGHT
    OP_MAP_SUMS
    OP_NOISE
    OP_DEFORM
    OP_RECURRENT_FORWARD
    OP_RECURRENT_BACKWARD
    OP_TRANSPOSE
    OP_COUNT_STEPS
    OP_EMBEDDING_FORWARD
    OP_SORT_PLACES
    OP_EMBEDDING_BACKWARD
    OP_COUNT

cdef split_fn SPLIT[OP_COUNT]
cdef run_fn RUN[OP_COUNT]

# Bytes of scratch that a thread needs for a product, and besides for a part of its output.
PRODUCT_BYTES = PRODUCT_SCRATCH
FORWARD_BYTES = OUTPUT_BYTES
# Sequences whose states a thread keeps in its scratch memory.
RECURRENT_ROWS = BLOCK_ROWS

# Elements of a block of `update` and `squares`.
UPDATE_BLOCK = BLOCK
# The most parts of sums over a batch, and the most elements of what normalisation takes at once.
SUM_BLOCKS = ROW_BLOCKS
PIECE = BLOCK

# What Python calls the operations, and the signatures of the leaves that each takes (no name for
# a leaf the operation has no use for). A leaf may be None where the operation's comment says so.
OPS = {}
cdef list LEAF_NAMES = [None] * OP_COUNT


cdef int define(int op, str name, split_fn split, run_fn run, tuple leaves=()) except -1:
    SPLIT[op] = split
    RUN[op] = run
    OPS[name] = op
    LEAF_NAMES[op] = tuple(b"fastnn." + leaf.encode() for leaf in leaves)
    return 0


define(OP_MAP, "map", map_split, map_run, ("map",))
define(OP_GRAD, "grad", map_split, grad_run, ("grad",))
define(OP_ADD, "add", map_split, add_run, ("add", "map"))
define(OP_COLUMNS, "columns", columns_split, columns_run, ("grad",))
define(OP_ROWS, "rows", rows_split, rows_run, ("rows",))
define(OP_ROWS_GRAD, "rows_grad", rows_split, rows_grad_run, ("rows_grad",))
define(OP_BIAS_MAP, "bias_map", bias_map_split, bias_map_run, ("bias", "map"))
define(OP_LINEAR_FORWARD, "linear_forward", linear_forward_split, linear_forward_run,
       ("bias", "map", "product_transposed"))
define(OP_LINEAR_BACKWARD_INPUT, "linear_backward_input", linear_backward_input_split,
       linear_backward_input_run, ("grad", "product"))
define(OP_LINEAR_BACKWARD_WEIGHT, "linear_backward_weight", linear_backward_weight_split,
       linear_backward_weight_run, ("product", "", "update", "regularize"))
define(OP_LINEAR_DESCEND, "linear_descend", linear_descend_split, linear_descend_run,
       ("product",))
define(OP_BIAS_BACKWARD, "bias_backward", bias_backward_split, bias_backward_run,
       ("column_sum", "", "update", "regularize"))
define(OP_WEIGHT_SUM, "weight_sum", serial_split, weight_sum_run)
define(OP_LOSS, "loss", loss_split, loss_run, ("loss",))
define(OP_LOSS_MEAN, "loss_mean", serial_split, loss_mean_run)
define(OP_PREPARE, "prepare", serial_split, prepare_run, ("prepare",))
define(OP_UPDATE, "update", update_split, update_run, ("scale", "", "update", "regularize"))
define(OP_SQUARES, "squares", update_split, squares_run, ("sum_squares",))
define(OP_CLIP_FACTOR, "clip_factor", serial_split, clip_factor_run)
define(OP_PENALTY, "penalty", serial_split, penalty_run)
define(OP_LIMIT_ROWS, "limit_rows", limit_rows_split, limit_rows_run, ("sum_squares", "scale"))
define(OP_DROPOUT, "dropout", map_split, dropout_run, ("dropout",))
define(OP_CHANNEL_SUMS, "channel_sums", channel_split, channel_sums_run,
       ("channel_sums", "grad", "channel_scale", "map"))
define(OP_CHANNEL_PREPARE, "channel_prepare", serial_split, channel_prepare_run,
       ("channel_prepare",))
define(OP_CHANNEL_SCALE, "channel_scale", channel_split, channel_scale_run,
       ("", "", "channel_scale", "map"))
define(OP_CHANNEL_GRAD_PREPARE, "channel_grad_prepare", serial_split, channel_grad_prepare_run,
       ("channel_grad_prepare",))
define(OP_CHANNEL_GRAD, "channel_grad", channel_split, channel_grad_run,
       ("channel_grad", "grad"))
define(OP_ROW_NORM, "row_norm", row_norm_split, row_norm_run, ("row_norm",))
define(OP_ROW_NORM_GRAD, "row_norm_grad", row_norm_split, row_norm_grad_run,
       ("row_norm_grad", "grad"))
define(OP_BLOCK_SUM, "block_sum", serial_split, block_sum_run, ("block_sum",))
define(OP_POOL, "pool", pool_split, pool_run, ("pool",))
define(OP_POOL_GRAD, "pool_grad", pool_split, pool_grad_run, ("pool_grad", "grad"))
define(OP_PRELU_FORWARD, "prelu_forward", prelu_split, prelu_forward_run, ("prelu",))
define(OP_PRELU_BACKWARD, "prelu_backward", prelu_split, prelu_backward_run, ("prelu_grad",))
define(OP_RRELU, "rrelu", map_split, rrelu_run, ("rrelu",))
define(OP_MAXOUT, "maxout", maxout_split, maxout_run, ("maxout",))
define(OP_MAXOUT_GRAD, "maxout_grad", maxout_split, maxout_grad_run, ("maxout_grad",))
define(OP_GLU, "glu", maxout_split, glu_run, ("rows",))
define(OP_GLU_GRAD, "glu_grad", maxout_split, glu_grad_run, ("rows_grad",))
define(OP_PYTHON, "python", serial_split, python_run)
define(OP_GATHER, "gather", gather_split, gather_run, ("gather",))
define(OP_RECURRENT_FORWARD, "recurrent_forward", recurrent_split, recurrent_forward_run,
       ("cell_forward", "product"))
define(OP_RECURRENT_BACKWARD, "recurrent_backward", recurrent_split, recurrent_backward_run,
       ("cell_backward", "product", "bias"))
define(OP_TRANSPOSE, "transpose", transpose_split, transpose_run, ("transpose",))
define(OP_COUNT_STEPS, "count_steps", count_steps_split, count_steps_run, ("count_steps",))
define(OP_EMBEDDING_FORWARD, "embedding_forward", embedding_forward_split, embedding_forward_run,
       ("embedding",))
define(OP_SORT_PLACES, "sort_places", serial_split, sort_places_run)
define(OP_EMBEDDING_BACKWARD, "embedding_backward", embedding_backward_split,
       embedding_backward_run, ("sum_rows", "", "update", "regularize"))
define(OP_CONVOLUTION_FORWARD, "convolution_forward", convolution_forward_split,
       convolution_forward_run, ("bias", "map", "product", "unfold"))
define(OP_CONVOLUTION_BACKWARD_INPUT, "convolution_backward_input",
       convolution_backward_input_split, convolution_backward_input_run,
       ("grad", "product", "fold", "crop"))
define(OP_CONVOLUTION_BACKWARD_WEIGHT, "convolution_backward_weight",
       convolution_backward_weight_split, convolution_backward_weight_run,
       ("product_rows", "unfold"))
define(OP_CONVOLUTION_SUM_WEIGHT, "convolution_sum_weight", convolution_sum_weight_split,
       convolution_sum_weight_run, ("column_sum", "transpose"))
define(OP_MAP_SUMS, "map_sums", map_sums_split, map_sums_run,
       ("sum", "", "update", "regularize"))
define(OP_NOISE, "noise", noise_split, noise_run, ("noise",))
define(OP_DEFORM, "deform", deform_split, deform_run,
       ("pad", "locate", "interpolate", "round", "noise", "product"))


cdef inline void run_part(
    const Call* c, Context* ctx, Split split, int part, int parts, int thread
) noexcept nogil:
    RUN[c.op](c, ctx, split.count * part // parts, split.count * (part + 1) // parts, thread)
