#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(void) {
    long numbers[64];
    size_t count = 0;
    while (count < 64 && scanf("%ld", &numbers[count]) == 1) count++;
    qsort(numbers, count, sizeof *numbers, ascending);
    for (size_t i = 0; i < count; i++) printf("%ld%c", numbers[i], i + 1 < count ? ' ' : '\n');
    return 0;
}
