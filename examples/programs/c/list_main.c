#include <stdio.h>
#include "list.h"

int main(void) {
    struct node *list = NULL;
    for (int i = 1; i <= 5; i++) list = push(list, i * i);
    for (struct node *n = reverse(list); n; n = n->next) printf("%d\n", n->value);
    return 0;
}
