# Elementary functions as straight lines of multiplications and additions, so that a loop over
# them vectorises on every instruction set: no library call, no branch but a blend, no integer
# conversion (SSE2 and AVX2 have none for 64 bits).
#
# Constants are cast to `real` because C would widen the whole expression to double for them. NaN
# goes through every function here; that is why bounds are written `limit if x > limit else x` and
# not the other way round.
#
# Polynomials are minimax (Remez, Lawson) for the relative error of the function they serve. The
# power of 2 beside one is that error, its coefficients rounded. docs/numerics.md has the ideas.

from libc.math cimport fabs, fabsf


cdef union float_bits:
    float value
    unsigned int bits

cdef union double_bits:
    double value
    unsigned long long bits


cdef inline real magnitude(real x) noexcept nogil:
    # Compilers expand fabs to one instruction; `-x if x < 0 else x` they also carry along as two
    # cases of all that follows.
    if real is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline real at_most(real x, real limit) noexcept nogil:
    return limit if x > limit else x


cdef inline real at_least(real x, real limit) noexcept nogil:
    return limit if x < limit else x


cdef inline real high_half(real x) noexcept nogil:
    """The upper half of the significand, so that a product of two such halves is exact."""
    cdef float_bits single
    cdef double_bits wide
    if real is float:
        single.value = x
        single.bits = single.bits & 0xFFFFF000U
        return single.value
    else:
        wide.value = x
        wide.bits = wide.bits & 0xFFFFFFFFF8000000ULL
        return wide.value


cdef inline real product_error(real a, real b, real product) noexcept nogil:
    """a * b - product, where product is a * b rounded (Dekker, 1971)."""
    cdef real ah = high_half(a), bh = high_half(b)
    cdef real al = a - ah, bl = b - bh
    return ((ah * bh - product) + ah * bl + al * bh) + al * bl


# exp. x = n log 2 + r, exp(x) = 2^n exp(r) with |r| <= log(2) / 2.

cdef inline real shifted_exponent(real x) noexcept nogil:
    """n = round(x / log 2), in the low bits of 1.5 * 2^(precision - 1) + n."""
    if real is float:
        return x * <float>1.4426950408889634 + <float>12582912.0
    else:
        return x * 1.4426950408889634 + 6755399441055744.0


cdef inline real scaled_power(real shifted) noexcept nogil:
    """2^(n + 64) or, in double, 2^(n + 512): see exp_times for why the exponent is raised."""
    cdef float_bits single
    cdef double_bits wide
    if real is float:
        single.value = shifted
        single.bits = (single.bits << 23) + ((127 + 64) << 23)
        return single.value
    else:
        wide.value = shifted
        wide.bits = (wide.bits << 52) + (<unsigned long long>(1023 + 512) << 52)
        return wide.value


cdef inline real unscale(real x) noexcept nogil:
    """Undoes the raised exponent of scaled_power."""
    if real is float:
        return x * <float>5.421010862427522e-20    # 2^-64
    else:
        return x * 7.458340731200207e-155          # 2^-512


cdef inline real reduced_expm1(real hi, real lo, real shifted) noexcept nogil:
    """exp(r) - 1 of what remains of hi + lo."""
    cdef real n, r, q
    if real is float:
        n = shifted - <float>12582912.0
        # log 2 in two parts, the first short enough that n times it is exact.
        r = (hi - n * <float>0.693145751953125) + (lo - n * <float>1.42860682e-6)
        q = <float>0.00138397631    # (exp(r) - 1 - r) / r^2 on |r| <= 0.3475: 2^-26.0
        q = q * r + <float>0.00836726092
        q = q * r + <float>0.0416677333
        q = q * r + <float>0.166665375
        q = q * r + <float>0.49999997
    else:
        n = shifted - 6755399441055744.0
        r = (hi - n * 0.693147180559890330) + (lo - n * 5.497923018708371e-14)
        q = 2.0875317184136024e-9   # likewise: 2^-60.3
        q = q * r + 2.5109271523063485e-8
        q = q * r + 2.755740353092215e-7
        q = q * r + 2.7557243602359004e-6
        q = q * r + 2.4801587170494584e-5
        q = q * r + 0.00019841269886658699
        q = q * r + 0.0013888888888963916
        q = q * r + 0.0083333333333214504
        q = q * r + 0.041666666666666505
        q = q * r + 0.16666666666666677
        q = q * r + 0.5
    return r + r * r * q


cdef inline real exp_times(real c, real hi, real lo) noexcept nogil:
    """c * exp(hi + lo) for hi + lo in [-115, 0.1] or, in double, [-1000, 0.1].

    The factor 2^n is applied in two, 2^(n + 64) and 2^-64, so that a subnormal result is rounded
    once, with c already in it. Calls with the same hi and lo share their work.
    """
    cdef real shifted = shifted_exponent(hi + lo)
    cdef real p = reduced_expm1(hi, lo, shifted)
    return unscale((c + c * p) * scaled_power(shifted))


cdef inline real exp_scaled(real x) noexcept nogil:
    """exp(x) before its unscaling: with several factors of the one rounded exponential, their
    errors cancel in part, which they do not in exp_times.
    """
    cdef real shifted = shifted_exponent(x)
    return (<real>1 + reduced_expm1(x, <real>0, shifted)) * scaled_power(shifted)


cdef inline real exp_nonpositive(real x) noexcept nogil:
    """exp(x) for x <= 0."""
    if real is float:
        return exp_times(<real>1, at_least(x, <real>-110), <real>0)
    else:
        return exp_times(<real>1, at_least(x, <real>-760), <real>0)


cdef inline real expm1_nonpositive(real x) noexcept nogil:
    """exp(x) - 1 for x <= 0."""
    cdef real bounded = at_least(x, <real>-50)  # beyond it the result rounds to -1
    cdef real shifted = shifted_exponent(bounded)
    cdef real p = reduced_expm1(bounded, <real>0, shifted)
    cdef real s = unscale(scaled_power(shifted))
    return s * p + (s - <real>1)


cdef inline real log1p_unit(real y) noexcept nogil:
    """log(1 + y) for y in [0, 1], as 2 atanh(s), s = y / (2 + y), with its term 2 s written as
    y - s y, since y is exact.
    """
    cdef real s = y / (<real>2 + y)
    cdef real u = s * s
    cdef real p
    if real is float:
        p = <float>0.280068696      # (2 atanh(s) / s - 2) / s^2 on u <= 1/9: 2^-27.7
        p = p * u + <float>0.280030161
        p = p * u + <float>0.400214374
        p = p * u + <float>0.666664183
    else:
        p = 0.17014953243564362     # likewise: 2^-59.4
        p = p * u + 0.083422377392709829
        p = p * u + 0.12105553883188618
        p = p * u + 0.13301046609634792
        p = p * u + 0.1538655390856323
        p = p * u + 0.18181744229180799
        p = p * u + 0.22222223960459445
        p = p * u + 0.28571428548013378
        p = p * u + 0.400000000001559
        p = p * u + 0.66666666666666308
    return y - s * (y - u * p)


cdef inline double log_of_sum(double x) noexcept nogil:
    """log(x) for x in [1, 2^1000): x = 2^e (1 + y)."""
    cdef double_bits power, rest
    power.value = x
    rest.bits = (power.bits & 0x000FFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL
    # 2^52 + e + 1023, since nothing before AVX-512 converts 64-bit integers.
    power.bits = (power.bits >> 52) | 0x4330000000000000ULL
    cdef double e = power.value - 4503599627371519.0
    return (e * 0.6931471805599453 + log1p_unit(rest.value - 1.0)) + (x - x)  # NaN stays NaN


cdef inline real sigmoid_of(real x, real hi, real lo) noexcept nogil:
    """1 / (1 + exp(-x)), given |x| as hi + lo within the range of exp_times."""
    cdef real e = exp_times(<real>1, -hi, -lo)
    return (<real>1 if x >= 0 else e) / (<real>1 + e)


cdef inline real exp_magnitude(real x) noexcept nogil:
    """|x|, cut where z exp(-z) has become zero."""
    if real is float:
        return at_most(magnitude(x), <real>110)
    else:
        return at_most(magnitude(x), <real>760)


cdef inline real tanh_of(real x) noexcept nogil:
    """x + x^3 P(x^2) up to 1, beyond it 1 - 2 e / (1 + e), e = exp(-2 |x|)."""
    cdef real u = x * x
    cdef real z = <real>2 * at_most(magnitude(x), <real>20)  # 20: tanh has long rounded to 1
    cdef real e = exp_times(<real>1, -z, <real>0)
    cdef real large = <real>1 - <real>2 * e / (<real>1 + e)
    cdef real p
    if real is float:
        p = -<float>0.000358453137  # (tanh(x) / x - 1) / x^2 on |x| <= 1: 2^-27.6
        p = p * u + <float>0.00230141124
        p = p * u - <float>0.00794623513
        p = p * u + <float>0.0214867927
        p = p * u - <float>0.0538798682
        p = p * u + <float>0.133323461
        p = p * u - <float>0.333332956
    else:
        p = 2.1293374298298916e-8   # likewise: 2^-59.7
        p = p * u - 2.3290900720853248e-7
        p = p * u + 1.2709211892839937e-6
        p = p * u - 4.7571284812349627e-6
        p = p * u + 1.4278696481739443e-5
        p = p * u - 3.8062922669259256e-5
        p = p * u + 9.6227430490009036e-5
        p = p * u - 0.00023883320618328118
        p = p * u + 0.00058993168483756678
        p = p * u - 0.0014558114567916807
        p = p * u + 0.0035921240746774395
        p = p * u - 0.0088632350543322944
        p = p * u + 0.021869488498711613
        p = p * u - 0.053968253966490291
        p = p * u + 0.13333333333329117
        p = p * u - 0.33333333333333298
    return x + x * (u * p) if z < <real>2 else (-large if x < 0 else large)


cdef inline real tanhshrink_of(real x) noexcept nogil:
    """x - tanh(x), which would cancel: x^3 P(x^2) up to 1, beyond it, with e = exp(-2 |x|),
    ((|x| - 1) + (|x| + 1) e) / (1 + e), of two terms of one sign."""
    cdef real u = x * x, z = magnitude(x)
    cdef real bounded = at_most(z, <real>20)
    cdef real e = exp_times(<real>1, <real>-2 * bounded, <real>0)
    cdef real large = ((z - <real>1) + (bounded + <real>1) * e) / (<real>1 + e)
    cdef real p
    if real is float:
        p = -<float>0.000142822682  # (1 - tanh(x) / x) / x^2 on |x| <= 1: 2^-23.9
        p = p * u + <float>0.000923604763
        p = p * u - <float>0.00320694735
        p = p * u + <float>0.00869794656
        p = p * u - <float>0.0218295846
        p = p * u + <float>0.053963419
        p = p * u - <float>0.133333102
        p = p * u + <float>0.333333343
    else:
        p = -2.8986374865507888e-9  # likewise: 2^-54.0
        p = p * u + 3.3238073279628356e-8
        p = p * u - 1.8960856488804524e-7
        p = p * u + 7.3735548495240544e-7
        p = p * u - 2.2772796002113825e-6
        p = p * u + 6.17729026572284e-6
        p = p * u - 1.5745852154105247e-5
        p = p * u + 3.9193919051293662e-5
        p = p * u - 9.68837460448717e-5
        p = p * u + 0.00023912010540632541
        p = p * u - 0.00059002552479231105
        p = p * u + 0.0014558340902987884
        p = p * u - 0.0035921280043245203
        p = p * u + 0.0088632355275741759
        p = p * u - 0.021869488536052632
        p = p * u + 0.053968253968251577
        p = p * u - 0.1333333333333333
        p = p * u + 0.33333333333333331
    return x * (u * p) if z < <real>1 else (-large if x < 0 else large)


# The tail of the normal distribution: 1 - Phi(z) = exp(-z^2 / 2) P / (z + K), where P is a
# polynomial in w = z / (z + K) (after Shepherd and Laframboise, 1981). A small K costs terms and
# saves roundings; these two have reciprocals that are as good as exact.

cdef inline real normal_variable(real z) noexcept nogil:
    """w."""
    if real is float:
        return z / (z + <float>2.600369691848755)
    else:
        return z / (z + 2.589)


cdef inline real normal_weight(real w) noexcept nogil:
    """1 / (z + K) = (1 - w) / K, precise for small z."""
    if real is float:
        return <float>0.38456070424703404 - <float>0.38456070424703404 * w
    else:
        return 0.3862495171881035 - 0.3862495171881035 * w


cdef inline real normal_tail(real w) noexcept nogil:
    """P, for z in [0, 15] or, in double, [0, 39].

    It is written around a w inside its range, where its coefficients are small.
    """
    cdef real v, p
    if real is float:
        v = (w - <float>0.5) + <float>0.5 * w
        p = <float>0.000123779027   # 2^-27.1
        p = p * v - <float>0.00202671532
        p = p * v + <float>0.000168750863
        p = p * v + <float>0.00633048965
        p = p * v + <float>0.00645060604
        p = p * v - <float>0.0157329775
        p = p * v - <float>0.0438124202
        p = p * v + <float>0.0498639531
        p = p * v + <float>0.252029121
        p = p * v - <float>0.73337996
        p = p * v + <float>0.878911138
    else:
        v = (w - 0.625) + 0.625 * w
        p = -6.2514924560585342e-7  # 2^-55.1
        p = p * v + 1.5483293364127744e-6
        p = p * v + 1.0519613150525885e-6
        p = p * v - 3.9162827756125818e-6
        p = p * v - 1.3511832094063326e-6
        p = p * v + 3.0036210353956644e-6
        p = p * v + 1.2592661028133012e-6
        p = p * v + 2.7006846215016259e-6
        p = p * v + 5.676369116253382e-6
        p = p * v - 1.5118048561606854e-6
        p = p * v - 1.8947104152641393e-5
        p = p * v - 3.1692577975924148e-5
        p = p * v - 9.0811005172607865e-6
        p = p * v + 7.5868846056661958e-5
        p = p * v + 0.0001744690601820136
        p = p * v + 8.7635790291833192e-5
        p = p * v - 0.00041321137484841004
        p = p * v - 0.0010204490037140773
        p = p * v - 0.00021015029685502302
        p = p * v + 0.0035265508863643233
        p = p * v + 0.0057427065138020272
        p = p * v - 0.0084949507400935778
        p = p * v - 0.035080998198652812
        p = p * v + 0.029795761720796281
        p = p * v + 0.2185360398013749
        p = p * v - 0.63659048710456245
        p = p * v + 0.82286537947218141
    return p
