# Threads that help thread 0.
#
# Thread 0 walks through the calls alone and shares out those that divide. It never waits for a
# thread to arrive, only for parts that one has begun: when the machine has other work and a
# helper isn't running, thread 0 does its parts as well. So more threads than free CPUs cost
# little, and calls too small to share cost no synchronisation at all.

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #include <sched.h>
    #include <time.h>
    static int fastnn_has_openmp(void) { return 1; }
    static int fastnn_openmp_limit(void) { return omp_get_max_threads(); }
    static int fastnn_team_size(void) { return omp_get_num_threads(); }
    static int fastnn_thread(void) { return omp_get_thread_num(); }
    /* Waiting: in turn busy, polite, asleep. A step's gaps between shared calls are some
       microseconds, so the first stage is nearly always enough. */
    static void fastnn_wait(int *tries) {
        int n = (*tries)++;
        if (n < 5000) {
    #if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
    #endif
        } else if (n < 5200) {
            sched_yield();
        } else {
            struct timespec t = {0, 50000};
            nanosleep(&t, 0);
        }
    }
    static long long fastnn_load(long long *x) { return __atomic_load_n(x, __ATOMIC_ACQUIRE); }
    static void fastnn_store(long long *x, long long value) {
        __atomic_store_n(x, value, __ATOMIC_RELEASE);
    }
    static void fastnn_increment(long long *x) { __atomic_add_fetch(x, 1, __ATOMIC_RELEASE); }
    static long long fastnn_add(long long *x, long long n) {
        return __atomic_add_fetch(x, n, __ATOMIC_RELAXED);
    }
    static int fastnn_claim(long long *x, long long value) {
        /* Raise x to value; 0 if it is there already. */
        long long before = __atomic_load_n(x, __ATOMIC_RELAXED);
        return before < value && __atomic_compare_exchange_n(
            x, &before, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    #else
    static int fastnn_has_openmp(void) { return 0; }
    static int fastnn_openmp_limit(void) { return 1; }
    static int fastnn_team_size(void) { return 1; }
    static int fastnn_thread(void) { return 0; }
    static void fastnn_wait(int *tries) {}
    static long long fastnn_load(long long *x) { return *x; }
    static void fastnn_store(long long *x, long long value) { *x = value; }
    static void fastnn_increment(long long *x) { ++*x; }
    static long long fastnn_add(long long *x, long long n) { return *x += n; }
    static int fastnn_claim(long long *x, long long value) {
        return *x < value ? (*x = value, 1) : 0;
    }
    #endif
    """
    bint fastnn_has_openmp() noexcept nogil
    int fastnn_openmp_limit() noexcept nogil
    int fastnn_team_size() noexcept nogil
    int fastnn_thread() noexcept nogil
    void fastnn_wait(int* tries) noexcept nogil
    long long fastnn_load(long long* x) noexcept nogil
    void fastnn_store(long long* x, long long value) noexcept nogil
    void fastnn_increment(long long* x) noexcept nogil
    long long fastnn_add(long long* x, long long n) noexcept nogil
    bint fastnn_claim(long long* x, long long value) noexcept nogil

cdef enum:
    MAX_THREADS = 1024
    PARTS_BITS = 12         # of a team's word


# What thread 0 and its helpers share. The word holds the number of the shared call and into how
# many parts it divides, so that a helper reads both at once; a helper that read it late finds
# all parts of that call claimed, and can touch nothing.
cdef struct Team:
    int threads
    const Call* call
    Context* ctx
    Split split
    long long number
    char pad0[64]           # what each side writes lies in cache lines of its own
    long long word
    char pad1[64]
    long long done          # parts of the shared call
    char pad2[64]
    long long claims[MAX_THREADS]   # for each part, the number of the last call it was claimed for


cdef void gather_team(Team* team, int threads) noexcept nogil:
    # Before the parallel region begins.
    cdef int i
    team.threads = threads
    team.number = 0
    team.word = 0
    team.done = 0
    for i in range(threads):
        team.claims[i] = 0


cdef inline void enlist(Team* team) noexcept nogil:
    # The team may be smaller than was asked for: OpenMP knows.
    team.threads = fastnn_team_size()


cdef inline void work_on(Team* team, long long number, int parts, int thread) noexcept nogil:
    # Take parts of a shared call until all are taken, one's own first: what a thread touched in
    # the call before is likely in its cache.
    cdef int i, part
    for i in range(parts):
        part = (thread + i) % parts
        if fastnn_claim(&team.claims[part], number):
            run_part(team.call, team.ctx, team.split, part, parts, thread)
            fastnn_increment(&team.done)


cdef void share(
    Team* team, const Call* call, Context* ctx, Split split, int parts
) noexcept nogil:
    # Thread 0: run a call with whoever helps.
    cdef int tries = 0
    team.call = call
    team.ctx = ctx
    team.split = split
    team.done = 0
    team.number += 1
    fastnn_store(&team.word, team.number << PARTS_BITS | parts)
    work_on(team, team.number, parts, 0)
    while fastnn_load(&team.done) < parts:
        fastnn_wait(&tries)


cdef inline void dismiss(Team* team) noexcept nogil:
    fastnn_store(&team.word, -1)


cdef void help_out(Team* team) noexcept nogil:
    # Every other thread, until it is dismissed.
    cdef int thread = fastnn_thread(), parts, tries = 0
    cdef long long seen = 0, word
    while True:
        word = fastnn_load(&team.word)
        if word == seen:
            fastnn_wait(&tries)
            continue
        if word < 0:
            return
        seen = word
        tries = 0
        parts = word & ((1 << PARTS_BITS) - 1)
        if thread < parts:
            work_on(team, word >> PARTS_BITS, parts, thread)
