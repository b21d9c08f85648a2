# Calls over arrays that somebody else made: what a face runs.


cdef class Procedure:
    """A few calls, whose arrays come with every run.

    Parameters
    ----------
    calls : list of (op, itemsize, leaves, places, dims, scalars)
        As `Program` takes them, but in place of each buffer is the number of its array, or None.
    sizes : tuple of (int, int)
        How many bytes each array has: for each row, and besides.
    outputs : tuple of int
        The numbers of the arrays that are written.
    scratch : int
        Bytes that each thread needs to itself.
    """

    cdef Call* calls
    cdef Py_ssize_t count
    cdef list places                # of each call
    cdef list keep                  # leaves, which the calls point to
    cdef tuple sizes
    cdef tuple outputs
    cdef Py_ssize_t scratch_size
    cdef void* scratch              # NULL while a run has it, or before the first
    cdef int scratch_threads        # for how many it is

    def __init__(self, list calls, tuple sizes, tuple outputs, Py_ssize_t scratch):
        if self.calls != NULL:
            raise RuntimeError("a procedure is made once")
        self.calls = <Call*>allocate(len(calls) * sizeof(Call))
        self.keep = calls
        self.places = []
        for op, itemsize, leaves, places, dims, scalars in calls:
            if any(place is not None and not 0 <= place < len(sizes) for place in places):
                raise ValueError(f"{op}: expected numbers of {len(sizes)} arrays, got {places}")
            nothing = (None,) * len(places)
            fill(&self.calls[self.count], (op, itemsize, leaves, nothing, dims, scalars))
            self.places.append(places)
            self.count += 1
        self.sizes = sizes
        self.outputs = outputs
        self.scratch_size = (scratch + 2 * LINE - 1) // (2 * LINE) * (2 * LINE)

    def __dealloc__(self):
        PyMem_Free(self.calls)
        PyMem_Free(self.scratch)

    def run(self, Py_ssize_t rows, tuple arrays):
        """Run the calls on a batch of so many rows.

        Takes ordinary arrays (ndarrays, aligned, in C order, of native types) of the sizes asked
        for; the caller sees to their types, and that what is written lies apart from the rest.
        Raises ValueError for others, with nothing done.
        """
        cdef Lease lease
        cdef Context ctx
        cdef Call* calls = NULL     # this run's own: another may begin while this one goes on
        cdef char* at[MAX_BUFFERS]
        cdef void* scratch = NULL
        cdef int threads = thread_count(), enough = 0
        cdef Py_ssize_t i, b, size
        lease.count = 0
        if len(arrays) != len(self.sizes) or len(arrays) > MAX_BUFFERS:
            raise ValueError(f"arrays: expected {len(self.sizes)}, got {len(arrays)}")
        if rows < 0:
            raise ValueError(f"rows: expected at least 0, got {rows}")
        try:
            for i in range(len(arrays)):
                size = rows * self.sizes[i][0] + self.sizes[i][1]
                if (not borrow_native(&lease, arrays[i], i in self.outputs)
                        or lease.view[lease.count - 1].len != size):
                    raise ValueError(f"arrays[{i}]: expected an ordinary array of {size} bytes")
                at[i] = <char*>lease.view[lease.count - 1].buf
            calls = <Call*>allocate(self.count * sizeof(Call))
            memcpy(calls, self.calls, self.count * sizeof(Call))
            for i in range(self.count):
                places = self.places[i]
                for b in range(len(places)):
                    if places[b] is not None:
                        calls[i].buf[b] = at[<Py_ssize_t>places[b]]
            ctx.rows = rows
            if self.scratch_size:
                scratch = self.scratch
                enough = self.scratch_threads
                self.scratch = NULL
                if scratch == NULL or enough < threads:
                    PyMem_Free(scratch)
                    scratch = PyMem_Malloc(threads * self.scratch_size + LINE)
                    if scratch == NULL:
                        raise MemoryError()
                    enough = threads
                ctx.scratch_size = self.scratch_size
                ctx.scratch = <char*>((<size_t>scratch + LINE - 1) // LINE * LINE)
            run_once(calls, 0, self.count, &ctx)
        finally:
            give_back(&lease)
            PyMem_Free(calls)
            if self.scratch == NULL:
                self.scratch = scratch
                self.scratch_threads = enough
            else:       # another run has left its own meanwhile
                PyMem_Free(scratch)
