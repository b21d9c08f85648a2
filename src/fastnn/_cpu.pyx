"""What this CPU can run, asked before any module with newer instructions is imported.

Built with baseline flags and importing nothing, so that it loads on every machine.
"""

cdef extern from *:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
    /* The compiler's runtime also checks that the operating system saves the wide registers. */
    static int fastnn_supports_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2")
            && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
            && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt");
    }
    static int fastnn_supports_v4(void) {
        return fastnn_supports_v3()
            && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int fastnn_supports_v3(void) { return 0; }
    static int fastnn_supports_v4(void) { return 0; }
    #endif
    """
    bint fastnn_supports_v3()
    bint fastnn_supports_v4()


def supported():
    """The instruction-set levels that this CPU and operating system run, lowest first."""
    levels = ["baseline"]
    if fastnn_supports_v3():
        levels.append("v3")
    if fastnn_supports_v4():
        levels.append("v4")
    return levels
