from linear.matrix import determinant, multiply

a = [[2, 0, 1], [1, 3, 2], [1, 1, 1]]
print(multiply(a, a))
print(determinant(a))
