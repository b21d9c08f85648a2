# The driver: a sequence of calls on one thread or on several.

cdef inline int parts_of(Split split, int threads) noexcept nogil:
    return <int>min(<Py_ssize_t>threads, split.count // split.grain)


cdef bint run_calls(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx, Team* team
) noexcept nogil:
    # Runs calls in order, each complete before the next; True if an error ends the run. Calls
    # that are too small to divide cost no synchronisation.
    cdef Py_ssize_t i
    cdef Split split
    cdef int parts
    for i in range(begin, end):
        split = SPLIT[calls[i].op](&calls[i], ctx)
        if split.count == 0:
            continue
        parts = parts_of(split, team.threads)
        if parts <= 1:
            run_part(&calls[i], ctx, split, 0, 1, 0)
        else:
            share(team, &calls[i], ctx, split, parts)
        if parts > 1 or ctx.rows > 1024:
            look_at_signals(ctx)
        if ctx.error != NULL:
            return True
    return False


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
    ctx.last_look = fastnn_now()


cdef int run_once(
    const Call* calls, Py_ssize_t begin, Py_ssize_t end, Context* ctx, bint beside=False
) except -1:
    # One pass over the calls from Python, on as many threads as they have work for; `beside`
    # others, without taking any from them.
    cdef int threads = spare() if beside else enter()
    cdef Team team
    begin_context(ctx)
    with nogil:
        if threads > 1 and can_divide(calls, begin, end, ctx, threads):
            gather_team(&team, threads)
            with parallel(num_threads=threads):
                if fastnn_thread() == 0:
                    enlist(&team)
                    run_calls(calls, begin, end, ctx, &team)
                    dismiss(&team)
                else:
                    help_out(&team)
        else:
            team.threads = 1
            run_calls(calls, begin, end, ctx, &team)
    if not beside:
        leave()
    return finish(ctx)


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


cdef long long runs = 0     # under way, in all of Python's threads


cdef int enter() noexcept nogil:
    # A run begins: on how many threads. Runs at the same time share them, since with more
    # threads than CPUs each waits for others that aren't running (four trainings at once on two
    # CPUs took 13 to 19 % longer). Results don't depend on it.
    cdef long long others = fastnn_add(&runs, 1)
    return <int>max(<long long>1, thread_count() // others)


cdef int spare() noexcept nogil:
    # The threads of a run that others need not make room for: it is short, and they aren't.
    return 1 if fastnn_load(&runs) else thread_count()


cdef void leave() noexcept nogil:
    fastnn_add(&runs, -1)


def runs_under_way():
    """How many runs there are at the moment, in all of Python's threads."""
    return runs


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
