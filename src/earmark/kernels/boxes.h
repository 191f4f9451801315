/* Means over the (2 rt + 1) x (2 rf + 1) boxes around the cells of a map, cut at its borders.
 * Every sum is taken in one order whatever the machine: indexes depend on the last bit. */
#ifndef EARMARK_BOXES_H
#define EARMARK_BOXES_H
#include "earmark.h"

#define ROWS 8 /* running sums made side by side: one alone waits for each of its additions */
#define INLINE static inline __attribute__((always_inline))

/* column[f] becomes the sum over the frames t - rt .. t + rt from that of the frame before. */
INLINE void slide(const float *x, int64_t frames, int64_t bins, int64_t rt, int64_t t,
                  const float *before, float *column) {
    int enters = t + rt < frames, leaves = t - rt - 1 >= 0;
    const float *in = enters ? x + (t + rt) * bins : x, *old = leaves ? x + (t - rt - 1) * bins : x;
    if (enters && leaves)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] + in[f] - old[f];
    else if (enters)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] + in[f];
    else if (leaves)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] - old[f];
    else
        for (int64_t f = 0; f < bins; f++) column[f] = before[f];
}

/* The same of the squares. */
INLINE void slide_squares(const float *x, int64_t frames, int64_t bins, int64_t rt, int64_t t,
                          const float *before, float *column) {
    int enters = t + rt < frames, leaves = t - rt - 1 >= 0;
    const float *in = enters ? x + (t + rt) * bins : x, *old = leaves ? x + (t - rt - 1) * bins : x;
    if (enters && leaves)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] + in[f] * in[f] - old[f] * old[f];
    else if (enters)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] + in[f] * in[f];
    else if (leaves)
        for (int64_t f = 0; f < bins; f++) column[f] = before[f] - old[f] * old[f];
    else
        for (int64_t f = 0; f < bins; f++) column[f] = before[f];
}

/* sum[f][r] = column[r][0] + .. + column[r][f - 1], for ROWS columns. */
INLINE void running_sums(const float *column, int64_t bins, float *sum) {
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
    const float *c0 = column, *c1 = c0 + bins, *c2 = c1 + bins, *c3 = c2 + bins, *c4 = c3 + bins;
    const float *c5 = c4 + bins, *c6 = c5 + bins, *c7 = c6 + bins;
    int64_t next = bins + 1;
    for (int64_t f = 0; f <= bins; f++) {
        sum[f] = s0, sum[f + next] = s1, sum[f + 2 * next] = s2, sum[f + 3 * next] = s3;
        sum[f + 4 * next] = s4, sum[f + 5 * next] = s5, sum[f + 6 * next] = s6, sum[f + 7 * next] = s7;
        if (f == bins) break;
        s0 += c0[f], s1 += c1[f], s2 += c2[f], s3 += c3[f];
        s4 += c4[f], s5 += c5[f], s6 += c6[f], s7 += c7[f];
    }
}

INLINE float mean_at(const float *sum, int64_t bins, int64_t rf, float rows, int64_t f) {
    int64_t low = f - rf < 0 ? 0 : f - rf, high = f + rf >= bins ? bins - 1 : f + rf;
    return (sum[high + 1] - sum[low]) / (rows * (float)(high - low + 1));
}

/* The means of frame t from the running sums of its column. */
INLINE void means(const float *sum, int64_t frames, int64_t bins, int64_t rt, int64_t rf, int64_t t,
                  float *out) {
    int64_t first = t - rt < 0 ? 0 : t - rt, last = t + rt >= frames ? frames - 1 : t + rt;
    int64_t low = rf < bins ? rf : bins, high = bins - rf > low ? bins - rf : low;
    float rows = (float)(last - first + 1), cells = rows * (float)(2 * rf + 1);
    for (int64_t f = 0; f < low; f++) out[f] = mean_at(sum, bins, rf, rows, f);
    for (int64_t f = low; f < high; f++) out[f] = (sum[f + rf + 1] - sum[f - rf]) / cells;
    for (int64_t f = high; f < bins; f++) out[f] = mean_at(sum, bins, rf, rows, f);
}
#endif
