# The driver: a sequence of calls on one thread or on several.

cdef enum:
    OP_MAP
    OP_GRAD
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
    OP_DROPOUT
    OP_PYTHON
    OP_GATHER
    OP_COUNT

cdef split_fn SPLIT[OP_COUNT]
cdef run_fn RUN[OP_COUNT]

# What Python calls the operations, and the signatures of the leaves that each takes (an empty name for a
# leaf the operation has no use for). A leaf may be None where the operation's comment says so.
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
define(OP_ROWS, "rows", rows_split, rows_run, ("rows",))
define(OP_ROWS_GRAD, "rows_grad", rows_split, rows_grad_run, ("rows_grad",))
define(OP_BIAS_MAP, "bias_map", bias_map_split, bias_map_run, ("bias", "map"))
define(OP_LINEAR_FORWARD, "linear_forward", linear_forward_split, linear_forward_run,
       ("bias", "map"))
define(OP_LINEAR_BACKWARD_INPUT, "linear_backward_input", linear_backward_input_split,
       linear_backward_input_run, ("grad",))
define(OP_LINEAR_BACKWARD_WEIGHT, "linear_backward_weight", linear_backward_weight_split,
       linear_backward_weight_run, ("", "", "update", "regularize"))
define(OP_LINEAR_DESCEND, "linear_descend", linear_descend_split, linear_descend_run)
define(OP_BIAS_BACKWARD, "bias_backward", bias_backward_split, bias_backward_run,
       ("column_sum", "", "update", "regularize"))
define(OP_WEIGHT_SUM, "weight_sum", serial_split, weight_sum_run)
define(OP_LOSS, "loss", loss_split, loss_run, ("loss",))
define(OP_LOSS_MEAN, "loss_mean", serial_split, loss_mean_run)
define(OP_PREPARE, "prepare", serial_split, prepare_run, ("prepare",))
define(OP_UPDATE, "update", update_split, update_run, ("scale", "", "update", "regularize"))
define(OP_SQUARES, "squares", update_split, squares_run, ("sum_squares",))
define(OP_CLIP_FACTOR, "clip_factor", serial_split, clip_factor_run)
define(OP_DROPOUT, "dropout", map_split, dropout_run, ("dropout",))
define(OP_PYTHON, "python", serial_split, python_run)
define(OP_GATHER, "gather", gather_split, gather_run, ("gather",))


cdef inline int parts_of(Split split, int threads) noexcept nogil:
    return <int>min(<Py_ssize_t>threads, split.count // split.grain)


# The state of one thread on its way through a run.
cdef struct Walk:
    int thread
    int threads
    long long barriers      # passed so far: the same number at the same place on every thread
    bint pending            # calls have run since the last barrier


cdef inline Walk start_walk() noexcept nogil:
    # The team may be smaller than was asked for, so it is OpenMP that says how large it is.
    cdef Walk walk
    walk.thread = fastnn_thread()
    walk.threads = fastnn_team()
    walk.barriers = 0
    walk.pending = False
    return walk


cdef inline bint meet(Walk* walk, Context* ctx) noexcept nogil:
    # Wait for the other threads; True if the run ends here. Thread 0 names the barrier at which
    # all leave before it arrives there, so no thread can see the wish too early or too late.
    if walk.threads > 1:
        if walk.thread == 0 and ctx.error != NULL and ctx.stop_at < 0:
            ctx.stop_at = walk.barriers
        fastnn_barrier()
        walk.barriers += 1
        walk.pending = False
        return ctx.stop_at >= 0 and walk.barriers > ctx.stop_at
    walk.pending = False
    return ctx.error != NULL


cdef bint run_calls(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx, Walk* walk
) noexcept nogil:
    # Runs calls in order, each after the one before it is complete; True if the run ends.
    # Runs of calls that are too small to divide stay on thread 0 with no barrier between them.
    cdef Py_ssize_t i
    cdef Split split
    cdef int parts
    cdef bint divided = False           # the call before was
    for i in range(begin, end):
        split = SPLIT[calls[i].op](&calls[i], ctx)
        if split.count == 0:
            continue
        parts = parts_of(split, walk.threads)
        if walk.pending and (parts > 1 or divided) and meet(walk, ctx):
            return True
        divided = parts > 1
        if walk.thread < max(1, parts) and ctx.error == NULL:
            RUN[calls[i].op](
                &calls[i], ctx, split.count * walk.thread // max(1, parts),
                split.count * (walk.thread + 1) // max(1, parts), walk.thread)
        walk.pending = True
        if walk.thread == 0 and (divided or ctx.rows > 1024):
            look_at_signals(ctx)
    if walk.threads > 1:
        return walk.pending and meet(walk, ctx)
    return ctx.error != NULL


cdef void look_at_signals(Context* ctx) noexcept nogil:
    # A step of a large batch can take seconds; Ctrl-C shall not wait for its end.
    cdef double now = fastnn_now()
    if now - ctx.last_look < 0.1:
        return
    ctx.last_look = now
    with gil:
        try:
            PyErr_CheckSignals()
        except BaseException as error:
            interrupt(ctx, error)


cdef bint can_divide(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, const Context* ctx, int threads
) noexcept nogil:
    # Whether any of the calls has work for a second thread.
    cdef Py_ssize_t i
    for i in range(begin, end):
        if parts_of(SPLIT[calls[i].op](&calls[i], ctx), threads) > 1:
            return True
    return False


cdef int finish(Context* ctx) except -1:
    # Raise what ended a run.
    cdef object error
    if ctx.error != NULL:
        error = <object>ctx.error
        ctx.error = NULL
        Py_DECREF(error)
        raise error
    return 0


cdef void begin_context(Context* ctx) noexcept nogil:
    ctx.error = NULL
    ctx.stop_at = -1
    ctx.last_look = fastnn_now()


cdef int run_once(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx
) except -1:
    # One pass over the calls from Python, on as many threads as they have work for.
    cdef int threads = thread_count()
    begin_context(ctx)
    with nogil:
        if threads > 1 and can_divide(calls, begin, end, ctx, threads):
            run_region(calls, begin, end, ctx, threads)
        else:
            run_part(calls, begin, end, ctx)
    return finish(ctx)


cdef void run_region(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx, int threads
) noexcept nogil:
    with parallel(num_threads=threads):
        run_part(calls, begin, end, ctx)


cdef void run_part(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx
) noexcept nogil:
    cdef Walk walk = start_walk()
    run_calls(calls, begin, end, ctx, &walk)


# -- how many threads --------------------------------------------------------------------------

cdef int wanted = 1                 # what _threads.py asked for
cdef int openmp_at_import = fastnn_openmp_limit()
cdef bint forked = False            # in a child of fork(): libgomp's threads are gone, see below


cdef int thread_count() noexcept nogil:
    # A limit set since import (threadpoolctl, joblib) holds for fastnn as well.
    cdef int limit = fastnn_openmp_limit()
    if forked:
        return 1
    if limit < openmp_at_import:
        return min(wanted, limit)
    return wanted


def get_threads():
    """The number of threads that the next call may use."""
    return thread_count()


def set_threads(int threads):
    """Ask for a number of threads; checked by ``_threads.set_num_threads``."""
    global wanted
    wanted = threads


def after_fork_in_child():
    """libgomp hangs in the child of a fork when the parent's pool existed: stay on one thread."""
    global forked
    forked = True


def has_openmp():
    return bool(fastnn_has_openmp())


def use_one_blas_thread():
    """fastnn divides products itself; its private OpenBLAS works on the calling thread."""
    scipy_openblas_set_num_threads(1)


def blas_config():
    """OpenBLAS's own description, and the kernels that it chose for this CPU."""
    config = scipy_openblas_get_config().decode()
    return config + ", " + scipy_openblas_get_corename().decode()
