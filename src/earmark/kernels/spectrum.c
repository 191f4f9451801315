/* Log spectrum, whitening, spectral peaks and the standardised salience map.
 * Arrays are row-major, one row per frame: value (t, f) lies at t * bins + f. */
#include "boxes.h"
#include "earmark.h"
#include "logarithm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Salience: x minus its box mean, in place. Returns -1 when memory is out. */
EXPORT FAST int em_whiten(float *x, int64_t frames, int64_t bins, int64_t rt, int64_t rf) {
    size_t row = (size_t)bins + 1;
    float *work = calloc((2 * ROWS + 1) * row, sizeof(float));
    float *mean = malloc(((size_t)(frames * bins) + 1) * sizeof(float));
    if (!work || !mean) { free(work); free(mean); return -1; }
    float *column = work, *sum = work + ROWS * row, *before = work + 2 * ROWS * row;
    for (int64_t t = 0; t < rt && t < frames; t++)
        for (int64_t f = 0; f < bins; f++) before[f] += x[t * bins + f];
    for (int64_t t = 0; t < frames; t += ROWS) {
        int64_t n = frames - t < ROWS ? frames - t : ROWS;
        for (int64_t r = 0; r < n; r++)
            slide(x, frames, bins, rt, t + r, r ? column + (r - 1) * bins : before, column + r * bins);
        memcpy(before, column + (n - 1) * bins, (size_t)bins * sizeof(float));
        running_sums(column, bins, sum);
        for (int64_t r = 0; r < n; r++)
            means(sum + r * (bins + 1), frames, bins, rt, rf, t + r, mean + (t + r) * bins);
    }
    for (int64_t i = 0; i < frames * bins; i++) x[i] -= mean[i];
    free(work); free(mean);
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

/* The k-th greatest of v[0..n), k >= 1; v is reordered (quickselect). */
static float greatest(float *v, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1, at = k - 1;
    while (low < high) {
        float pivot = v[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] > pivot) i++;
            while (v[j] < pivot) j--;
            if (i <= j) { float swap = v[i]; v[i] = v[j]; v[j] = swap; i++; j--; }
        }
        if (at <= j) high = j; else if (at >= i) low = i; else break;
    }
    return v[at];
}

/* Keep the k most salient of n peaks, which stay in their order; of equal ones the first. v is
 * scratch of n. Returns how many are left. */
static int64_t most_salient(Peak *found, int64_t n, int64_t k, float *v) {
    if (n <= k) return n;
    if (k <= 0) return 0;
    for (int64_t i = 0; i < n; i++) v[i] = found[i].s;
    float least = greatest(v, n, k);
    int64_t equal = k, kept = 0;
    for (int64_t i = 0; i < n; i++) equal -= found[i].s > least;
    for (int64_t i = 0; i < n; i++)
        if (found[i].s > least || (found[i].s == least && equal-- > 0)) found[kept++] = found[i];
    return kept;
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
    float *a = malloc(2 * scratch * sizeof(float)), *v = malloc((size_t)room * sizeof(float));
    uint8_t *mark = calloc((size_t)bins + 8, 1); /* read eight at a time */
    if (!found || !high || !a || !v || !mark) {
        free(found); free(high); free(a); free(v); free(mark);
        return -1;
    }
    for (int64_t t = from; t < to; t++)
        row_max(s + t * bins, bins, rf, a, a + scratch, high + (t - from) * bins);
    for (int64_t p = begin; p < end; p += page) {
        int64_t n = 0, stop = p + page < end ? p + page : end;
        for (int64_t t = p; t < stop; t++) {
            const float *row = s + t * bins, *own = high + (t - from) * bins;
            int64_t t0 = t - rt < from ? from : t - rt, t1 = t + rt >= to ? to - 1 : t + rt;
            for (int64_t f = 0; f < bins; f++) mark[f] = (row[f] >= own[f]) & (row[f] > least);
            for (int64_t f = 0; f < bins; f++) {
                uint64_t eight;
                memcpy(&eight, mark + f, sizeof eight);
                if (!eight) { f += 7; continue; }
                if (!mark[f]) continue;
                float v = row[f];
                int peak = 1;
                for (int64_t u = t + 1; peak && u <= t1; u++) peak = high[(u - from) * bins + f] <= v;
                for (int64_t u = t - 1; peak && u >= t0; u--) peak = high[(u - from) * bins + f] < v;
                for (int64_t g = f - rf < 0 ? 0 : f - rf; peak && g < f; g++) peak = row[g] < v;
                if (peak && n < room) found[n++] = (Peak){v, (uint32_t)(t - begin), (uint32_t)f};
            }
        }
        n = most_salient(found, n, density, v);
        for (int64_t i = 0; i < n; i++, n_out++) {
            out_t[n_out] = found[i].t; out_f[n_out] = found[i].f; out_s[n_out] = found[i].s;
        }
    }
    free(found); free(high); free(a); free(v); free(mark);
    return n_out;
}

#define HALF (ROWS / 2) /* frames at a time, each with a running sum of values and one of squares */

typedef struct {
    const float *x;
    int64_t frames, bins, rt, rf;
    float *before, *before_squares, *column, *sum; /* bins, bins, ROWS * bins, ROWS * (bins + 1) */
} Scores;

static size_t scores_room(int64_t bins) { return (2 * ROWS + 2) * ((size_t)bins + 1); }

INLINE Scores scores_of(const float *x, int64_t frames, int64_t bins, int64_t rt, int64_t rf, float *work) {
    size_t row = (size_t)bins + 1;
    Scores s = {x, frames, bins, rt, rf, work, work + row, work + 2 * row, work + (2 + ROWS) * row};
    memset(work, 0, scores_room(bins) * sizeof(float));
    for (int64_t t = 0; t < rt && t < frames; t++)
        for (int64_t f = 0; f < bins; f++) {
            s.before[f] += x[t * bins + f];
            s.before_squares[f] += x[t * bins + f] * x[t * bins + f];
        }
    return s;
}

/* Move on to the n <= HALF frames from t on. */
INLINE void scores_advance(Scores *s, int64_t t, int64_t n) {
    int64_t bins = s->bins;
    float *squares = s->column + HALF * bins;
    for (int64_t r = 0; r < n; r++) {
        slide(s->x, s->frames, bins, s->rt, t + r, r ? s->column + (r - 1) * bins : s->before,
              s->column + r * bins);
        slide_squares(s->x, s->frames, bins, s->rt, t + r,
                      r ? squares + (r - 1) * bins : s->before_squares, squares + r * bins);
    }
    memcpy(s->before, s->column + (n - 1) * bins, (size_t)bins * sizeof(float));
    memcpy(s->before_squares, squares + (n - 1) * bins, (size_t)bins * sizeof(float));
    running_sums(s->column, bins, s->sum);
}

/* Each value of frame t, the r-th of those advanced to: less the mean, over the deviation, of the
 * box around it; clipped to +-limit. mean is scratch. */
INLINE void scores_row(const Scores *s, int64_t t, int64_t r, float least_variance, float limit,
                       float *mean, float *out) {
    int64_t bins = s->bins;
    const float *x = s->x + t * bins;
    means(s->sum + r * (bins + 1), s->frames, bins, s->rt, s->rf, t, mean);
    means(s->sum + (HALF + r) * (bins + 1), s->frames, bins, s->rt, s->rf, t, out);
    for (int64_t f = 0; f < bins; f++) {
        float v = out[f] - mean[f] * mean[f];
        float z = (x[f] - mean[f]) / sqrtf(v > least_variance ? v : least_variance);
        z = z > limit ? limit : z;
        out[f] = z < -limit ? -limit : z;
    }
}

/* Evidence that a reference peak lies at a cell of frames [begin, end), in units of 1/scale: `share`
 * of how far the cell (or a neighbour bin) rises above its own bin over +-t_frames, the rest of how
 * far it rises above its whole neighbourhood of +-reach cells. The first discounts sustained tones,
 * which otherwise agree with every track that holds the same note. */
EXPORT FAST int em_evidence(const float *s, int64_t frames, int64_t bins, int64_t begin, int64_t end,
                            int64_t reach, int64_t t_frames, float t_variance, float share, float limit,
                            float scale, int8_t *out) {
    size_t row = (size_t)bins + 1;
    float *work = malloc(((size_t)(frames * bins) + 2 * scores_room(bins) + 3 * row) * sizeof(float));
    if (!work) return -1;
    float *room = work + frames * bins, *box = room + 2 * scores_room(bins), *line = box + row;
    float *mean = line + row;
    for (int64_t t = 0; t < frames; t++) {
        const float *from = s + t * bins; float *o = work + t * bins;
        o[0] = bins > 1 && from[1] > from[0] ? from[1] : from[0];
        for (int64_t f = 1; f + 1 < bins; f++) {
            float v = from[f - 1] > from[f] ? from[f - 1] : from[f];
            o[f] = from[f + 1] > v ? from[f + 1] : v;
        }
        if (bins > 1) o[bins - 1] = from[bins - 2] > from[bins - 1] ? from[bins - 2] : from[bins - 1];
    }
    Scores wide = scores_of(s, frames, bins, reach, reach, room);
    Scores long_ = scores_of(work, frames, bins, t_frames, 0, room + scores_room(bins));
    for (int64_t t = 0; t < end; t += HALF) {
        int64_t n = end - t < HALF ? end - t : HALF;
        scores_advance(&wide, t, n);
        scores_advance(&long_, t, n);
        for (int64_t r = t < begin ? begin - t : 0; r < n; r++) {
            scores_row(&wide, t + r, r, 1e-3f, limit, mean, box);
            scores_row(&long_, t + r, r, t_variance, limit, mean, line);
            int8_t *o = out + (t + r - begin) * bins;
            for (int64_t f = 0; f < bins; f++) {
                float v = scale * ((1.0f - share) * box[f] + share * line[f]);
                o[f] = (int8_t)(v + (v < 0 ? -0.5f : 0.5f));
            }
        }
    }
    free(work);
    return 0;
}
