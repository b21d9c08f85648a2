# A compiled program: calls over memory that was planned once, run for many steps.

cdef enum:
    LINE = 64           # bytes of a cache line, and of the widest vector


cdef enum Part:
    INPUT
    TARGET
    WEIGHT
    PARTS


# One part of a batch: its inputs, targets or weights. It is gathered into the program's own
# memory (`staging`) or, where rows lie in order and in the right type already, used where it
# is: then every buffer of a call that was the staging is pointed there.
cdef struct Feed:
    char* source                # first row; NULL: nothing bound
    Py_ssize_t stride           # bytes from row to row
    bint in_place
    char* staging
    char*** users               # the buffers of calls that were the staging
    Py_ssize_t user_count


cdef struct Plan:
    Call* calls                 # the PARTS gathers, then forward, loss, backward, late updates
    Py_ssize_t count
    Feed feeds[PARTS]
    Context ctx


# Many steps in one go.
cdef struct Run:
    Plan* plan
    const long long* order      # NULL: rows as they lie
    Py_ssize_t total
    Py_ssize_t batch
    Py_ssize_t next_row
    const double* lr            # of each step
    double* losses              # of each step
    Py_ssize_t limit
    Py_ssize_t done
    double loss                 # weighted sum
    double weight
    double deadline


cdef void point(Plan* plan, const long long* order, Py_ssize_t first) noexcept nogil:
    # Point the gathers, and what would follow them, at the batch that begins with row `first`.
    cdef int part
    cdef Feed* feed
    cdef Call* gather
    cdef char* place
    cdef Py_ssize_t i
    for part in range(<int>PARTS):
        feed = &plan.feeds[part]
        gather = &plan.calls[part]
        gather.buf[0] = NULL
        if feed.source == NULL:
            continue
        if order == NULL and feed.in_place:
            place = feed.source + first * feed.stride
        else:
            place = feed.staging
            gather.buf[0] = feed.source if order != NULL else feed.source + first * feed.stride
            gather.buf[1] = NULL if order == NULL else <char*>(order + first)
        for i in range(feed.user_count):
            feed.users[i][0] = place


cdef void run_steps(Run* run, Team* team) noexcept nogil:
    cdef Plan* plan = run.plan
    cdef Context* ctx = &plan.ctx
    while run.done < run.limit and run.next_row < run.total:
        if run.done > 0 and fastnn_now() > run.deadline:
            return
        ctx.rows = min(run.batch, run.total - run.next_row)
        ctx.lr = run.lr[run.done]
        ctx.step += 1
        point(plan, run.order, run.next_row)
        if run_calls(plan.calls, 0, plan.count, ctx, team):
            return
        run.losses[run.done] = ctx.loss
        run.loss += ctx.loss * ctx.weight_sum
        run.weight += ctx.weight_sum
        run.next_row += ctx.rows
        run.done += 1


cdef class Program:
    """Calls in program order, over memory planned by ``fastnn.program``.

    Parameters
    ----------
    calls : list of (op, itemsize, leaves, buffers, dims, scalars)
        ``op`` from ``OPS``; the other fields as the operation's comment in engine/ops.pxi says.
        The first three gather a batch's inputs, targets and weights.
    ends : (int, int, int)
        Where forward, loss and backward end. What follows are updates that need the whole
        gradient.
    staging : list of three arrays or None
        Memory for a batch's inputs, targets and weights.
    scratch : int
        Bytes that each thread needs to itself.
    seed : int
        Of the noise.
    """

    cdef Plan plan
    cdef Py_ssize_t ends[5]
    cdef list keep              # everything that the calls point into
    cdef list bound             # the sources of the feeds
    cdef void* scratch          # what the context's scratch lies in
    cdef int scratch_threads

    def __cinit__(self):
        memset(&self.plan, 0, sizeof(Plan))

    def __init__(
        self, list calls, tuple ends, list staging, Py_ssize_t scratch, unsigned long long seed
    ):
        cdef Plan* plan = &self.plan
        cdef Py_ssize_t i
        if plan.calls != NULL:
            raise RuntimeError("a program is compiled once")
        self.keep = [calls, staging]
        self.bound = [None] * PARTS
        self.ends[0] = 0
        for i in range(3):
            self.ends[i + 1] = ends[i]
        self.ends[4] = len(calls)
        plan.calls = <Call*>allocate(len(calls) * sizeof(Call))
        for spec in calls:
            fill(&plan.calls[plan.count], spec)
            plan.count += 1
        for i in range(PARTS):
            if staging[i] is not None:
                self._find_users(&plan.feeds[i], address(staging[i]))
        plan.ctx.seed = seed
        plan.ctx.scratch_size = (scratch + 2 * LINE - 1) // (2 * LINE) * (2 * LINE)

    def __dealloc__(self):
        cdef int i
        for i in range(<int>PARTS):
            PyMem_Free(self.plan.feeds[i].users)
        PyMem_Free(self.plan.calls)
        PyMem_Free(self.scratch)

    cdef int _find_users(self, Feed* feed, char* staging) except -1:
        cdef Py_ssize_t i, b
        feed.staging = staging
        feed.users = <char***>allocate(self.plan.count * MAX_BUFFERS * sizeof(char**))
        for i in range(<Py_ssize_t>PARTS, self.plan.count):
            for b in range(<Py_ssize_t>MAX_BUFFERS):
                if self.plan.calls[i].buf[b] == staging:
                    feed.users[feed.user_count] = &self.plan.calls[i].buf[b]
                    feed.user_count += 1
        return 0

    cdef int _reserve_scratch(self) except -1:
        cdef Context* ctx = &self.plan.ctx
        cdef int threads = thread_count()
        if threads > self.scratch_threads and ctx.scratch_size > 0:
            PyMem_Free(self.scratch)
            self.scratch = NULL
            self.scratch_threads = 0
            self.scratch = PyMem_Malloc(threads * ctx.scratch_size + LINE)   # not touched
            if self.scratch == NULL:
                raise MemoryError()
            ctx.scratch = <char*>((<size_t>self.scratch + LINE - 1) // LINE * LINE)
            self.scratch_threads = threads
        return 0

    def bind(self, int part, array, gather, double scale, bint in_place):
        """Take a part of the batches (0 inputs, 1 targets, 2 weights) from `array`.

        Rows may lie any distance apart, but each is contiguous. `gather` brings them to the
        program's type, times `scale`. `in_place`: they are of that type already, and may be
        read where they are as long as the program is in use.
        """
        cdef Py_buffer view
        self.bound[part] = array
        self.plan.feeds[part].source = NULL
        if array is None:
            return
        PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
        try:
            self.feed(part, &view, view.strides[0], gather, scale, in_place)
        finally:
            PyBuffer_Release(&view)

    cdef int feed(
        self, int part, const Py_buffer* rows, Py_ssize_t stride, gather, double scale,
        bint in_place,
    ) except -1:
        cdef Feed* feed = &self.plan.feeds[part]
        cdef Call* call = &self.plan.calls[part]
        cdef Py_ssize_t row = rows.len // rows.shape[0] if rows.shape[0] else 0
        call.leaf[0] = PyCapsule_GetPointer(gather, "fastnn.gather")
        call.buf[2] = feed.staging
        call.dim[0] = row // rows.itemsize
        call.dim[1] = stride
        call.scalar[0] = scale
        feed.source = <char*>rows.buf
        feed.stride = stride
        feed.in_place = in_place and (stride == row or rows.shape[0] <= 1)
        return 0

    def forward(self, Py_ssize_t first, Py_ssize_t rows, long long step=0):
        """Bring in the batch that begins with row `first` of what is bound; run forward."""
        self.run_forward(first, rows, step)

    cdef int run_forward(self, Py_ssize_t first, Py_ssize_t rows, long long step) except -1:
        self.plan.ctx.rows = rows
        self.plan.ctx.step = step
        point(&self.plan, NULL, first)
        self._reserve_scratch()
        return run_once(self.plan.calls, 0, self.ends[1], &self.plan.ctx)

    def loss(self):
        """Run the loss on the batch of the last `forward`: (loss, sum of weights)."""
        run_once(self.plan.calls, self.ends[1], self.ends[2], &self.plan.ctx)
        return self.plan.ctx.loss, self.plan.ctx.weight_sum

    def backward(self):
        """Run backward on the batch of the last `forward`."""
        run_once(self.plan.calls, self.ends[2], self.ends[3], &self.plan.ctx)

    def update(self, double lr, long long step):
        """Run the late updates."""
        self.plan.ctx.lr = lr
        self.plan.ctx.step = step
        self.plan.ctx.rows = 1
        run_once(self.plan.calls, self.ends[3], self.ends[4], &self.plan.ctx)

    def steps(
        self, Py_ssize_t total, Py_ssize_t batch, Py_ssize_t first, order,
        const double[::1] lr, double[::1] losses, long long step, double budget,
    ):
        """Train: whole steps without the GIL, until the rows or the rates are used up, or
        `budget` seconds are over.

        Parameters
        ----------
        total, batch, first : int
            Rows in all, rows of a batch, where the first batch begins. The last batch takes
            what is left.
        order : int64 array of `total` or None
            The order in which rows are taken.
        lr, losses : array
            IN the learning rate of each step; OUT its loss. As many steps are run at most.
        step : int
            Steps taken before.
        budget : float
            Seconds. At least one step is run.

        Returns
        -------
        (int, float, float)
            Steps run, the sum of their losses times weights, the sum of their weights.
        """
        cdef const long long[::1] index
        cdef Run run
        cdef Team team
        cdef Context* ctx = &self.plan.ctx
        cdef int threads
        memset(&run, 0, sizeof(Run))
        run.plan = &self.plan
        run.total = total
        run.batch = batch
        run.next_row = first
        run.limit = min(lr.shape[0], losses.shape[0])
        if run.limit == 0 or first >= total:
            return 0, 0.0, 0.0
        if order is not None:
            index = order
            run.order = &index[0]
        run.lr = &lr[0]
        run.losses = &losses[0]
        run.deadline = fastnn_now() + budget
        ctx.step = step
        ctx.rows = min(batch, total - first)
        self._reserve_scratch()
        begin_context(ctx)
        threads = enter()
        with nogil:
            if threads > 1 and can_divide(self.plan.calls, 0, self.plan.count, ctx, threads):
                gather_team(&team, threads)
                with parallel(num_threads=threads):
                    if fastnn_thread() == 0:
                        enlist(&team)
                        run_steps(&run, &team)
                        dismiss(&team)
                    else:
                        help_out(&team)
            else:
                team.threads = 1
                run_steps(&run, &team)
        leave()
        finish(ctx)
        return run.done, run.loss, run.weight


cdef void* allocate(size_t size) except NULL:
    cdef void* memory = PyMem_Malloc(max(<size_t>1, size))
    if memory == NULL:
        raise MemoryError()
    memset(memory, 0, size)
    return memory


cdef char* address(array) except? NULL:
    # The caller keeps the array alive.
    cdef Py_buffer view
    cdef char* memory
    if array is None:
        return NULL
    PyObject_GetBuffer(array, &view, PyBUF_ANY_CONTIGUOUS)
    memory = <char*>view.buf
    PyBuffer_Release(&view)
    return memory


cdef int fill(Call* call, tuple spec) except -1:
    cdef tuple leaves, buffers, dims
    cdef Py_ssize_t i
    clear(call, OPS[spec[0]])
    call.itemsize = spec[1]
    leaves = spec[2]
    buffers = spec[3]
    dims = spec[4]
    if len(buffers) > MAX_BUFFERS or len(dims) > MAX_DIMS:
        raise ValueError(f"{spec[0]}: too many buffers or dimensions")
    if call.op == OP_PYTHON:
        call.leaf[0] = <void*>leaves[0]
    else:
        set_leaves(call, leaves)
    for i in range(len(buffers)):
        call.buf[i] = address(buffers[i])
    for i in range(len(dims)):
        call.dim[i] = dims[i]
    return set_scalars(call, spec[5])
