"""All hot arithmetic: the leaves whose signatures _leaf.pxd gives, and the table of them.

Nothing here allocates, validates, starts a thread or reads the environment. The file is built
once for each instruction set (the _kernels_*.pyx beside it are one ``include`` line each), and
its parts stand in kernels/, a family of operations to a file. Each operation is one generic
body for float32 and float64, a plain loop that the compiler vectorises.

A line of the table names a leaf ``operation.role``; Python looks leaves up by that name and a
dtype's name in ``LEAVES``.
"""

from cpython.pycapsule cimport PyCapsule_New

from fastnn._leaf cimport Window

ctypedef fused real:
    float
    double

include "kernels/math.pxi"
include "kernels/activations.pxi"
include "kernels/rows.pxi"
include "kernels/losses.pxi"
include "kernels/updates.pxi"
include "kernels/movement.pxi"
include "kernels/pool.pxi"
include "kernels/piecewise.pxi"
include "kernels/augment.pxi"
include "kernels/normalization.pxi"
include "kernels/recurrent.pxi"
include "kernels/embedding.pxi"

cdef extern from "kernels/product.h":
    void product_float()
    void product_double()
    void product_transposed_float()
    void product_transposed_double()
    void product_rows_float()
    void product_rows_double()

cdef extern from "kernels/convolution.h":
    void unfold_float()
    void unfold_double()
    void fold_float()
    void fold_double()
    void crop_float()
    void crop_double()


LEAVES = {}


cdef int export(str name, const char* signature, void* float32, void* float64) except -1:
    LEAVES[name, "float32"] = PyCapsule_New(float32, signature, NULL)
    LEAVES[name, "float64"] = PyCapsule_New(float64, signature, NULL)
    return 0


cdef int activation(
    str name, void* forward32, void* backward32, void* forward64, void* backward64
) except -1:
    export(name + ".forward", "fastnn.map", forward32, forward64)
    export(name + ".backward", "fastnn.grad", backward32, backward64)
    return 0


activation(
    "identity",
    <void*>identity_forward[float], <void*>identity_backward[float],
    <void*>identity_forward[double], <void*>identity_backward[double],
)
activation(
    "step",
    <void*>step_forward[float], <void*>step_backward[float],
    <void*>step_forward[double], <void*>step_backward[double],
)
activation(
    "relu",
    <void*>relu_forward[float], <void*>relu_backward[float],
    <void*>relu_forward[double], <void*>relu_backward[double],
)
activation(
    "leaky_relu",
    <void*>leaky_relu_forward[float], <void*>leaky_relu_backward[float],
    <void*>leaky_relu_forward[double], <void*>leaky_relu_backward[double],
)
activation(
    "relu6",
    <void*>relu6_forward[float], <void*>relu6_backward[float],
    <void*>relu6_forward[double], <void*>relu6_backward[double],
)
activation(
    "hardtanh",
    <void*>hardtanh_forward[float], <void*>hardtanh_backward[float],
    <void*>hardtanh_forward[double], <void*>hardtanh_backward[double],
)
activation(
    "threshold",
    <void*>threshold_forward[float], <void*>threshold_backward[float],
    <void*>threshold_forward[double], <void*>threshold_backward[double],
)
activation(
    "hardshrink",
    <void*>hardshrink_forward[float], <void*>shrink_backward[float],
    <void*>hardshrink_forward[double], <void*>shrink_backward[double],
)
activation(
    "softshrink",
    <void*>softshrink_forward[float], <void*>shrink_backward[float],
    <void*>softshrink_forward[double], <void*>shrink_backward[double],
)
activation(
    "hardsigmoid",
    <void*>hardsigmoid_forward[float], <void*>hardsigmoid_backward[float],
    <void*>hardsigmoid_forward[double], <void*>hardsigmoid_backward[double],
)
activation(
    "hardswish",
    <void*>hardswish_forward[float], <void*>hardswish_backward[float],
    <void*>hardswish_forward[double], <void*>hardswish_backward[double],
)
activation(
    "softsign",
    <void*>softsign_forward[float], <void*>softsign_backward[float],
    <void*>softsign_forward[double], <void*>softsign_backward[double],
)
activation(
    "elu",
    <void*>elu_forward[float], <void*>elu_backward[float],
    <void*>elu_forward[double], <void*>elu_backward[double],
)
activation(
    "celu",
    <void*>celu_forward[float], <void*>celu_backward[float],
    <void*>celu_forward[double], <void*>celu_backward[double],
)
activation(
    "selu",
    <void*>selu_forward[float], <void*>selu_backward[float],
    <void*>selu_forward[double], <void*>selu_backward[double],
)
activation(
    "sigmoid",
    <void*>sigmoid_forward[float], <void*>sigmoid_backward[float],
    <void*>sigmoid_forward[double], <void*>sigmoid_backward[double],
)
activation(
    "log_sigmoid",
    <void*>log_sigmoid_forward[float], <void*>log_sigmoid_backward[float],
    <void*>log_sigmoid_forward[double], <void*>log_sigmoid_backward[double],
)
activation(
    "softplus",
    <void*>softplus_forward[float], <void*>softplus_backward[float],
    <void*>softplus_forward[double], <void*>softplus_backward[double],
)
activation(
    "tanh",
    <void*>tanh_forward[float], <void*>tanh_backward[float],
    <void*>tanh_forward[double], <void*>tanh_backward[double],
)
activation(
    "tanhshrink",
    <void*>tanhshrink_forward[float], <void*>tanhshrink_backward[float],
    <void*>tanhshrink_forward[double], <void*>tanhshrink_backward[double],
)
activation(
    "silu",
    <void*>silu_forward[float], <void*>silu_backward[float],
    <void*>silu_forward[double], <void*>silu_backward[double],
)
activation(
    "mish",
    <void*>mish_forward[float], <void*>mish_backward[float],
    <void*>mish_forward[double], <void*>mish_backward[double],
)
activation(
    "gelu_tanh",
    <void*>gelu_tanh_forward[float], <void*>gelu_tanh_backward[float],
    <void*>gelu_tanh_forward[double], <void*>gelu_tanh_backward[double],
)
activation(
    "gelu",
    <void*>gelu_forward[float], <void*>gelu_backward[float],
    <void*>gelu_forward[double], <void*>gelu_backward[double],
)


cdef int loss(str name, void* float32, void* float64) except -1:
    return export(name, "fastnn.loss", float32, float64)


cdef int optimizer(str name, void* prepare, void* update32, void* update64) except -1:
    export(name + ".prepare", "fastnn.prepare", prepare, prepare)
    return export(name + ".update", "fastnn.update", update32, update64)


cdef int pool(
    str name, void* forward32, void* backward32, void* forward64, void* backward64
) except -1:
    export(name + ".forward", "fastnn.pool", forward32, forward64)
    return export(name + ".backward", "fastnn.pool_grad", backward32, backward64)


export(
    "softmax.forward", "fastnn.rows",
    <void*>softmax_forward[float], <void*>softmax_forward[double],
)
export(
    "softmax.backward", "fastnn.rows_grad",
    <void*>softmax_backward[float], <void*>softmax_backward[double],
)
export(
    "log_softmax.forward", "fastnn.rows",
    <void*>log_softmax_forward[float], <void*>log_softmax_forward[double],
)
export(
    "log_softmax.backward", "fastnn.rows_grad",
    <void*>log_softmax_backward[float], <void*>log_softmax_backward[double],
)

loss(
    "softmax_cross_entropy.labels",
    <void*>softmax_cross_entropy_labels[float],
    <void*>softmax_cross_entropy_labels[double],
)
loss(
    "softmax_cross_entropy.probabilities",
    <void*>softmax_cross_entropy_probabilities[float],
    <void*>softmax_cross_entropy_probabilities[double],
)
loss(
    "binary_cross_entropy_with_logits.values",
    <void*>binary_cross_entropy_values[float],
    <void*>binary_cross_entropy_values[double],
)
loss("mse.values", <void*>mse_values[float], <void*>mse_values[double])
loss("l1.values", <void*>l1_values[float], <void*>l1_values[double])
loss("huber.values", <void*>huber_values[float], <void*>huber_values[double])
loss("hinge.values", <void*>hinge_values[float], <void*>hinge_values[double])
loss(
    "squared_hinge.values",
    <void*>squared_hinge_values[float], <void*>squared_hinge_values[double],
)

optimizer("sgd", <void*>sgd_prepare, <void*>sgd_update[float], <void*>sgd_update[double])
optimizer(
    "adagrad",
    <void*>adagrad_prepare, <void*>adagrad_update[float], <void*>adagrad_update[double],
)
optimizer(
    "rmsprop",
    <void*>rmsprop_prepare, <void*>rmsprop_update[float], <void*>rmsprop_update[double],
)
optimizer(
    "adadelta",
    <void*>adadelta_prepare, <void*>adadelta_update[float], <void*>adadelta_update[double],
)
optimizer(
    "rprop",
    <void*>rprop_prepare, <void*>rprop_update[float], <void*>rprop_update[double],
)
optimizer(
    "lion",
    <void*>lion_prepare, <void*>lion_update[float], <void*>lion_update[double],
)
optimizer("adam", <void*>adam_prepare, <void*>adam_update[float], <void*>adam_update[double])
optimizer(
    "adamax",
    <void*>adamax_prepare, <void*>adamax_update[float], <void*>adamax_update[double],
)
optimizer(
    "nadam",
    <void*>nadam_prepare, <void*>nadam_update[float], <void*>nadam_update[double],
)
optimizer(
    "radam",
    <void*>radam_prepare, <void*>radam_update[float], <void*>radam_update[double],
)

export("bias.add", "fastnn.bias", <void*>bias_add[float], <void*>bias_add[double])
export("columns.sum", "fastnn.column_sum", <void*>columns_sum[float], <void*>columns_sum[double])
export(
    "regularize.apply", "fastnn.regularize",
    <void*>regularize_apply[float], <void*>regularize_apply[double],
)
export("squares.sum", "fastnn.sum_squares", <void*>squares_sum[float], <void*>squares_sum[double])
export("scale.apply", "fastnn.scale", <void*>scale_apply[float], <void*>scale_apply[double])
export("add.apply", "fastnn.add", <void*>add_apply[float], <void*>add_apply[double])
export("dropout.apply", "fastnn.dropout", <void*>dropout_apply[float], <void*>dropout_apply[double])
export("glu.forward", "fastnn.rows", <void*>glu_forward[float], <void*>glu_forward[double])
export(
    "glu.backward", "fastnn.rows_grad", <void*>glu_backward[float], <void*>glu_backward[double]
)
export(
    "prelu.forward", "fastnn.prelu", <void*>prelu_forward[float], <void*>prelu_forward[double]
)
export(
    "prelu.backward", "fastnn.prelu_grad",
    <void*>prelu_backward[float], <void*>prelu_backward[double],
)
export("rrelu.apply", "fastnn.rrelu", <void*>rrelu_apply[float], <void*>rrelu_apply[double])
export(
    "maxout.forward", "fastnn.maxout",
    <void*>maxout_forward[float], <void*>maxout_forward[double],
)
export(
    "maxout.backward", "fastnn.maxout_grad",
    <void*>maxout_backward[float], <void*>maxout_backward[double],
)
export(
    "gather.float32", "fastnn.gather",
    <void*>gather[float, float], <void*>gather[float, double],
)
export(
    "gather.float64", "fastnn.gather",
    <void*>gather[double, float], <void*>gather[double, double],
)
export(
    "gather.uint8", "fastnn.gather",
    <void*>gather[uint8_t, float], <void*>gather[uint8_t, double],
)
export("gather.int64", "fastnn.gather", <void*>gather_int64, <void*>gather_int64)
export(
    "channels.deviations", "fastnn.channel_sums",
    <void*>channels_deviations[float], <void*>channels_deviations[double],
)
export(
    "channels.scale", "fastnn.channel_scale",
    <void*>channels_scale[float], <void*>channels_scale[double],
)
export(
    "channels.grad", "fastnn.channel_grad",
    <void*>channels_grad[float], <void*>channels_grad[double],
)
export(
    "channels.prepare", "fastnn.channel_prepare",
    <void*>channels_prepare[float], <void*>channels_prepare[double],
)
export(
    "channels.grad_prepare", "fastnn.channel_grad_prepare",
    <void*>channels_grad_prepare[float], <void*>channels_grad_prepare[double],
)
export(
    "layer_norm.forward", "fastnn.row_norm",
    <void*>layer_norm_forward[float], <void*>layer_norm_forward[double],
)
export(
    "layer_norm.backward", "fastnn.row_norm_grad",
    <void*>layer_norm_backward[float], <void*>layer_norm_backward[double],
)
export("blocks.sum", "fastnn.block_sum", <void*>blocks_sum[float], <void*>blocks_sum[double])
pool(
    "max_pool",
    <void*>max_pool_forward[float], <void*>max_pool_backward[float],
    <void*>max_pool_forward[double], <void*>max_pool_backward[double],
)
pool(
    "mean_pool",
    <void*>mean_pool_forward[float], <void*>mean_pool_backward[float],
    <void*>mean_pool_forward[double], <void*>mean_pool_backward[double],
)
export("noise.uniform", "fastnn.noise", <void*>noise_uniform[float], <void*>noise_uniform[double])
export(
    "pad.uint8", "fastnn.pad",
    <void*>image_pad[uint8_t, float], <void*>image_pad[uint8_t, double],
)
export("pad.floats", "fastnn.pad", <void*>image_pad[float, float], <void*>image_pad[double, double])
export("warp.locate", "fastnn.locate", <void*>warp_locate[float], <void*>warp_locate[double])
export(
    "warp.interpolate", "fastnn.interpolate",
    <void*>warp_interpolate[float], <void*>warp_interpolate[double],
)
export("image.round", "fastnn.round", <void*>image_round[float], <void*>image_round[double])
export("product", "fastnn.product", <void*>product_float, <void*>product_double)
export(
    "product.transposed", "fastnn.product_transposed",
    <void*>product_transposed_float, <void*>product_transposed_double,
)
export("product.rows", "fastnn.product_rows", <void*>product_rows_float, <void*>product_rows_double)
export("bias.add_rows", "fastnn.bias", <void*>bias_add_rows[float], <void*>bias_add_rows[double])
export("transpose", "fastnn.transpose", <void*>transpose[float], <void*>transpose[double])
export("numbers.sum", "fastnn.sum", <void*>numbers_sum[float], <void*>numbers_sum[double])
export("stencil.unfold", "fastnn.unfold", <void*>unfold_float, <void*>unfold_double)
export("stencil.fold", "fastnn.fold", <void*>fold_float, <void*>fold_double)
export("stencil.crop", "fastnn.crop", <void*>crop_float, <void*>crop_double)


cdef int cell(
    str name, void* forward32, void* backward32, void* forward64, void* backward64
) except -1:
    export(name + ".forward", "fastnn.cell_forward", forward32, forward64)
    export(name + ".backward", "fastnn.cell_backward", backward32, backward64)
    return 0


cell(
    "cell.rnn_tanh",
    <void*>rnn_tanh_forward[float], <void*>rnn_tanh_backward[float],
    <void*>rnn_tanh_forward[double], <void*>rnn_tanh_backward[double],
)
cell(
    "cell.rnn_relu",
    <void*>rnn_relu_forward[float], <void*>rnn_relu_backward[float],
    <void*>rnn_relu_forward[double], <void*>rnn_relu_backward[double],
)
cell(
    "cell.lstm",
    <void*>lstm_forward[float], <void*>lstm_backward[float],
    <void*>lstm_forward[double], <void*>lstm_backward[double],
)
cell(
    "cell.gru",
    <void*>gru_forward[float], <void*>gru_backward[float],
    <void*>gru_forward[double], <void*>gru_backward[double],
)
export(
    "steps.count", "fastnn.count_steps",
    <void*>count_steps[float], <void*>count_steps[double],
)
export(
    "steps.count_int64", "fastnn.count_steps",
    <void*>count_steps[int64_t], <void*>count_steps[int64_t],
)
export(
    "embedding.forward", "fastnn.embedding",
    <void*>embedding_forward[float], <void*>embedding_forward[double],
)
export("rows.sum", "fastnn.sum_rows", <void*>rows_sum[float], <void*>rows_sum[double])
