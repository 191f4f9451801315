/* How well a reference's constellation explains a query, for many alignments at once.
 *
 * A constellation lies in memory as `pages + 1` uint32 cumulative counts, then one uint16 a peak:
 * frame within its page of 64 << 9 | bin, ascending within the page. */
#include "earmark.h"
#include <math.h>

#define PAGE 64
#define MAX_REACH 8
#define MAX_BINS 512

/* Query frame = (peak frame - offset) / time, query bin = (bin + first) * pitch - first. For every
 * jitter j in [-reach, reach] the evidence is summed with the offset moved by j frames; the j of
 * the greatest sum / sqrt(max(count, least)) wins. `around` gets the score at j - 1, j, j + 1.
 * room bounds the peaks of each payload, should its directory be damaged. */
EXPORT FAST void em_verify(const int8_t *z, int64_t frames, int64_t bins, int64_t first,
                           const uint64_t *payload, const int64_t *pages, const int64_t *room,
                           const double *offset, const double *time, const double *pitch, int64_t n, int64_t reach,
                           double least, double *out_score, int32_t *out_sum, int32_t *out_count,
                           int32_t *out_jitter, double *around) {
    int16_t bin_of[MAX_BINS]; double last_pitch = 0;
    if (reach > MAX_REACH) reach = MAX_REACH;
    for (int64_t c = 0; c < n; c++) {
        const uint32_t *directory = (const uint32_t *)(uintptr_t)payload[c];
        const uint16_t *peak = (const uint16_t *)(directory + pages[c] + 1);
        int32_t sum[2 * MAX_REACH + 1] = {0}, count[2 * MAX_REACH + 1] = {0};
        if (pitch[c] != last_pitch) {
            for (int64_t f = 0; f < bins && f < MAX_BINS; f++) {
                double q = floor(((double)(f + first)) * pitch[c] + 0.5) - (double)first;
                bin_of[f] = q >= 0 && q < (double)bins ? (int16_t)q : -1;
            }
            last_pitch = pitch[c];
        }
        int64_t page = (int64_t)floor((offset[c] - (double)reach) / PAGE);
        int64_t stop = (int64_t)floor((offset[c] + (double)frames * time[c] + (double)reach) / PAGE) + 1;
        if (page < 0) page = 0;
        if (stop > pages[c]) stop = pages[c];
        double inverse = 1.0 / time[c];
        for (; page < stop; page++) {
            double shift = ((double)(page * PAGE) - offset[c]) * inverse + 0.5;
            int64_t end = directory[page + 1] < room[c] ? directory[page + 1] : room[c];
            for (int64_t p = directory[page]; p < end; p++) {
                int64_t f = peak[p] & (MAX_BINS - 1);
                if (f >= bins || bin_of[f] < 0) continue;
                int64_t t = (int64_t)floor((double)(peak[p] >> 9) * inverse + shift);
                const int8_t *at = z + t * bins + bin_of[f];
                if (t >= reach && t < frames - reach) {
                    for (int64_t j = -reach; j <= reach; j++) { sum[j + reach] += at[-j * bins]; count[j + reach]++; }
                } else {
                    for (int64_t j = -reach; j <= reach; j++)
                        if (t - j >= 0 && t - j < frames) { sum[j + reach] += at[-j * bins]; count[j + reach]++; }
                }
            }
        }
        double score[2 * MAX_REACH + 1], best = -1e30; int64_t at = reach;
        for (int64_t j = 0; j <= 2 * reach; j++) {
            score[j] = sum[j] / sqrt(count[j] > least ? count[j] : least);
            if (count[j] > 0 && score[j] > best) { best = score[j]; at = j; }
        }
        out_score[c] = score[at]; out_sum[c] = sum[at]; out_count[c] = count[at];
        out_jitter[c] = (int32_t)(at - reach);
        around[3 * c] = at > 0 ? score[at - 1] : 0; around[3 * c + 1] = score[at];
        around[3 * c + 2] = at < 2 * reach ? score[at + 1] : 0;
    }
}
