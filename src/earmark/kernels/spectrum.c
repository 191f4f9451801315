/* Log spectrum, whitening, spectral peaks and the standardised salience map.
 * Arrays are row-major, one row per frame: value (t, f) lies at t * bins + f. */
#include "earmark.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Natural logarithm to about 2e-6, written so that compilers vectorise it.
 * x must be positive and normal. Polynomial: least-squares fit of log2 on [1, 2). */
static inline float fast_log(float x) {
    union { float f; uint32_t i; } u = {x}, m;
    m.i = (u.i & 0x007fffffu) | 0x3f800000u;
    float e = (float)((int32_t)(u.i >> 23) - 127), y = m.f;
    float p = -3.0346028502f + y * (6.0898957626f + y * (-5.3017091087f + y * (3.2494665613f
              + y * (-1.2479624954f + y * (0.2700374574f + y * -0.0251232033f)))));
    return 0.69314718056f * (e + p);
}

/* spec: frames x stride complex numbers (float pairs); out: frames x bins, bins from first on. */
EXPORT FAST void em_log_magnitude(const float *spec, int64_t frames, int64_t stride, int64_t first,
                                  int64_t bins, float floor_power, float *out) {
    for (int64_t t = 0; t < frames; t++) {
        const float *row = spec + 2 * (t * stride + first);
        float *o = out + t * bins;
        for (int64_t f = 0; f < bins; f++) {
            float re = row[2 * f], im = row[2 * f + 1];
            o[f] = 0.5f * fast_log(re * re + im * im + floor_power);
        }
    }
}

/* Mean over the (2 rt + 1) x (2 rf + 1) box around every cell, cut at the borders. */
FAST static int box_mean(const float *x, int64_t frames, int64_t bins, int64_t rt, int64_t rf,
                         float *out) {
    float *column = calloc((size_t)bins, sizeof(float));
    float *prefix = malloc((size_t)(bins + 1) * sizeof(float));
    if (!column || !prefix) { free(column); free(prefix); return -1; }
    for (int64_t t = 0; t < rt && t < frames; t++)
        for (int64_t f = 0; f < bins; f++) column[f] += x[t * bins + f];
    for (int64_t t = 0; t < frames; t++) {
        if (t + rt < frames) {
            const float *in = x + (t + rt) * bins;
            for (int64_t f = 0; f < bins; f++) column[f] += in[f];
        }
        if (t - rt - 1 >= 0) {
            const float *old = x + (t - rt - 1) * bins;
            for (int64_t f = 0; f < bins; f++) column[f] -= old[f];
        }
        int64_t t0 = t - rt < 0 ? 0 : t - rt, t1 = t + rt >= frames ? frames - 1 : t + rt;
        float rows = (float)(t1 - t0 + 1);
        prefix[0] = 0.0f;
        for (int64_t f = 0; f < bins; f++) prefix[f + 1] = prefix[f] + column[f];
        float *o = out + t * bins;
        for (int64_t f = 0; f < bins; f++) {
            int64_t f0 = f - rf < 0 ? 0 : f - rf, f1 = f + rf >= bins ? bins - 1 : f + rf;
            o[f] = (prefix[f1 + 1] - prefix[f0]) / (rows * (float)(f1 - f0 + 1));
        }
    }
    free(column); free(prefix);
    return 0;
}

/* Salience: x minus its box mean, in place. Returns -1 when memory is out. */
EXPORT int em_whiten(float *x, int64_t frames, int64_t bins, int64_t rt, int64_t rf) {
    float *mean = malloc((size_t)(frames * bins + 1) * sizeof(float));
    if (!mean || box_mean(x, frames, bins, rt, rf, mean)) { free(mean); return -1; }
    for (int64_t i = 0; i < frames * bins; i++) x[i] -= mean[i];
    free(mean);
    return 0;
}

/* out[f] = max of row[f - rf .. f + rf], by doubling: vectorises, and costs log2(rf) passes.
 * a and b are scratch of bins + 2 rf + 2 floats each. */
static inline void row_max(const float *row, int64_t bins, int64_t rf, float *a, float *b, float *out) {
    int64_t n = bins + 2 * rf, width = 2 * rf + 1, have = 1;
    for (int64_t i = 0; i < rf; i++) a[i] = a[n - 1 - i] = -1e30f;
    memcpy(a + rf, row, (size_t)bins * sizeof(float));
    while (2 * have <= width) {
        for (int64_t i = 0; i + have < n; i++) b[i] = a[i] > a[i + have] ? a[i] : a[i + have];
        n -= have; have *= 2;
        float *swap = a; a = b; b = swap;
    }
    int64_t rest = width - have;
    for (int64_t i = 0; i < bins; i++) out[i] = a[i] > a[i + rest] ? a[i] : a[i + rest];
}

typedef struct { float s; uint32_t t, f; } Peak;
static int by_salience(const void *a, const void *b) {
    const Peak *x = a, *y = b;
    if (x->s != y->s) return x->s < y->s ? 1 : -1;
    if (x->t != y->t) return x->t < y->t ? -1 : 1;
    return x->f < y->f ? -1 : x->f > y->f;
}
static int by_time(const void *a, const void *b) {
    const Peak *x = a, *y = b;
    if (x->t != y->t) return x->t < y->t ? -1 : 1;
    return x->f < y->f ? -1 : x->f > y->f;
}

/* Peaks of frames [begin, end) in time order, the `density` most salient of every page (`page`
 * frames from begin on). A cell is a peak when nothing within +-rt frames, +-rf bins is higher; of
 * equal neighbours the earlier, then the lower one counts. Frames outside [begin, end) serve as
 * context only. Returns how many were written (room for density * ceil((end - begin) / page) is
 * required), -1 when memory is out. */
EXPORT FAST int64_t em_peaks(const float *s, int64_t frames, int64_t bins, int64_t begin, int64_t end,
                             int64_t rt, int64_t rf, float least, int64_t page, int64_t density,
                             uint32_t *out_t, uint32_t *out_f, float *out_s) {
    int64_t room = page * (bins / 2 + 1), n_out = 0;
    int64_t from = begin - rt < 0 ? 0 : begin - rt, to = end + rt > frames ? frames : end + rt;
    size_t scratch = (size_t)(bins + 2 * rf + 2);
    Peak *found = malloc((size_t)room * sizeof(Peak));
    float *high = malloc((size_t)((to - from) * bins + 1) * sizeof(float));
    float *a = malloc(2 * scratch * sizeof(float));
    if (!found || !high || !a) { free(found); free(high); free(a); return -1; }
    for (int64_t t = from; t < to; t++)
        row_max(s + t * bins, bins, rf, a, a + scratch, high + (t - from) * bins);
    for (int64_t p = begin; p < end; p += page) {
        int64_t n = 0, stop = p + page < end ? p + page : end;
        for (int64_t t = p; t < stop; t++) {
            const float *row = s + t * bins, *own = high + (t - from) * bins;
            int64_t t0 = t - rt < from ? from : t - rt, t1 = t + rt >= to ? to - 1 : t + rt;
            for (int64_t f = 0; f < bins; f++) {
                float v = row[f];
                if (v < own[f] || !(v > least)) continue;
                int peak = 1;
                for (int64_t u = t + 1; peak && u <= t1; u++) peak = high[(u - from) * bins + f] <= v;
                for (int64_t u = t - 1; peak && u >= t0; u--) peak = high[(u - from) * bins + f] < v;
                for (int64_t g = f - rf < 0 ? 0 : f - rf; peak && g < f; g++) peak = row[g] < v;
                if (peak && n < room) found[n++] = (Peak){v, (uint32_t)(t - begin), (uint32_t)f};
            }
        }
        if (n > density) { qsort(found, (size_t)n, sizeof(Peak), by_salience); n = density; }
        qsort(found, (size_t)n, sizeof(Peak), by_time);
        for (int64_t i = 0; i < n; i++, n_out++) {
            out_t[n_out] = found[i].t; out_f[n_out] = found[i].f; out_s[n_out] = found[i].s;
        }
    }
    free(found); free(high); free(a);
    return n_out;
}

/* x minus the mean, over the deviation, of the box around every cell; clipped to +-limit. */
FAST static int box_score(const float *x, int64_t frames, int64_t bins, int64_t rt, int64_t rf,
                          float least_variance, float limit, float *square, float *mean, float *out) {
    int64_t n = frames * bins;
    for (int64_t i = 0; i < n; i++) square[i] = x[i] * x[i];
    if (box_mean(x, frames, bins, rt, rf, mean) || box_mean(square, frames, bins, rt, rf, out)) return -1;
    for (int64_t i = 0; i < n; i++) {
        float v = out[i] - mean[i] * mean[i];
        float z = (x[i] - mean[i]) / sqrtf(v > least_variance ? v : least_variance);
        z = z > limit ? limit : z;
        out[i] = z < -limit ? -limit : z;
    }
    return 0;
}

/* Evidence that a reference peak lies at a cell, in units of 1/scale: `share` of how far the cell
 * (or a neighbour bin) rises above its own bin over +-t_frames, the rest of how far it rises above
 * its whole neighbourhood of +-reach cells. The first discounts sustained tones, which otherwise
 * agree with every track that holds the same note. */
EXPORT FAST int em_evidence(const float *s, int64_t frames, int64_t bins, int64_t reach,
                            int64_t t_frames, float t_variance, float share, float limit, float scale,
                            int8_t *out) {
    size_t n = (size_t)(frames * bins) + 1;
    float *work = malloc(5 * n * sizeof(float));
    if (!work) return -1;
    float *pool = work, *square = work + n, *mean = work + 2 * n, *box = work + 3 * n, *line = work + 4 * n;
    for (int64_t t = 0; t < frames; t++) {
        const float *row = s + t * bins; float *o = pool + t * bins;
        o[0] = bins > 1 && row[1] > row[0] ? row[1] : row[0];
        for (int64_t f = 1; f + 1 < bins; f++) {
            float v = row[f - 1] > row[f] ? row[f - 1] : row[f];
            o[f] = row[f + 1] > v ? row[f + 1] : v;
        }
        if (bins > 1) o[bins - 1] = row[bins - 2] > row[bins - 1] ? row[bins - 2] : row[bins - 1];
    }
    int bad = box_score(s, frames, bins, reach, reach, 1e-3f, limit, square, mean, box)
              || box_score(pool, frames, bins, t_frames, 0, t_variance, limit, square, mean, line);
    if (!bad)
        for (int64_t i = 0; i < frames * bins; i++) {
            float v = scale * ((1.0f - share) * box[i] + share * line[i]);
            out[i] = (int8_t)(v + (v < 0 ? -0.5f : 0.5f));
        }
    free(work);
    return bad ? -1 : 0;
}
