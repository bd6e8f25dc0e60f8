/* The least work that gives nine metrics on every slice: one pass over rows in ascending order of score.

   Values only, one purpose only: binary target, no missing value, no two equal scores, one thread. Counts, the AUC's
   ordered pairs, sums of log-loss and squared error, min(15, n/50) equal-mass calibration bins. Compiled by
   `benchmarks.limit` where there is a C compiler. */

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    double log_loss, squares, wins;
    double score_in_bin, gaps;
    int64_t counts[4]; /* target * 2 + prediction */
    int64_t n, seen, below, positives_in_bin, bin, bins, next;
} Cell;

/* rows: bit 0 target, bit 1 prediction, then one byte a slice column from bit 8 */
void limit(const uint64_t *rows, const double *score, const double *log_loss, int64_t n, int columns, const int64_t *levels,
           int64_t cells, double *out /* cells x 9 */)
{
    int many = 1 + columns + columns * (columns - 1) / 2;
    int first[64], second[64];
    int64_t offset[64], at = 0;
    for (int g = 0, a = -1; a < columns; a++) {
        if (a < 0) {
            first[g] = second[g] = -1, offset[g++] = at, at += 1;
            continue;
        }
        first[g] = a, second[g] = -1, offset[g++] = at, at += levels[a];
    }
    for (int g = 1 + columns, a = 0; a < columns; a++)
        for (int b = a + 1; b < columns; b++)
            first[g] = a, second[g] = b, offset[g++] = at, at += levels[a] * levels[b];
    Cell *cell = calloc((size_t)cells, sizeof(Cell));
    for (int64_t i = 0; i < n; i++)
        for (int g = 0; g < many; g++) {
            uint64_t row = rows[i];
            int64_t k = offset[g];
            if (second[g] >= 0)
                k += (int64_t)((row >> (8 + 8 * first[g])) & 255) * levels[second[g]] + (int64_t)((row >> (8 + 8 * second[g])) & 255);
            else if (first[g] >= 0)
                k += (int64_t)((row >> (8 + 8 * first[g])) & 255);
            cell[k].n++;
        }
    for (int64_t k = 0; k < cells; k++) {
        Cell *c = cell + k;
        c->bins = c->n / 50 < 15 ? c->n / 50 : 15;
        c->next = c->bins ? c->n / c->bins : INT64_MAX;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t row = rows[i];
        double s = score[i], loss = log_loss[i];
        int target = row & 1, guess = (row >> 1) & 1;
        double square = (s - target) * (s - target);
        for (int g = 0; g < many; g++) {
            int64_t k = offset[g];
            if (second[g] >= 0)
                k += (int64_t)((row >> (8 + 8 * first[g])) & 255) * levels[second[g]] + (int64_t)((row >> (8 + 8 * second[g])) & 255);
            else if (first[g] >= 0)
                k += (int64_t)((row >> (8 + 8 * first[g])) & 255);
            Cell *c = cell + k;
            if (c->seen == c->next) {
                double gap = c->positives_in_bin - c->score_in_bin;
                c->gaps += gap < 0 ? -gap : gap;
                c->positives_in_bin = 0, c->score_in_bin = 0, c->bin++;
                c->next = (c->bin + 1) * c->n / c->bins;
            }
            c->seen++;
            c->counts[target * 2 + guess]++;
            c->log_loss += loss;
            c->squares += square;
            c->score_in_bin += s;
            c->positives_in_bin += target;
            if (target)
                c->wins += (double)c->below;
            else
                c->below++;
        }
    }
    for (int64_t k = 0; k < cells; k++) {
        Cell *c = cell + k;
        double gap = c->positives_in_bin - c->score_in_bin;
        c->gaps += gap < 0 ? -gap : gap;
        double tn = c->counts[0], fp = c->counts[1], fn = c->counts[2], tp = c->counts[3], all = (double)c->n;
        double *o = out + 9 * k;
        o[0] = (tp + tn) / all, o[1] = tp / (tp + fp), o[2] = tp / (tp + fn), o[3] = 2 * tp / (2 * tp + fp + fn);
        o[4] = tn / (tn + fp), o[5] = c->wins / ((tp + fn) * (tn + fp)), o[6] = c->log_loss / all;
        o[7] = c->squares / all, o[8] = c->bins ? c->gaps / all : 0.0 / 0.0;
    }
    free(cell);
}
