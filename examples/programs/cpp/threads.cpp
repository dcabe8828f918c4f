#include <atomic>
#include <iostream>
#include <thread>
#include <vector>

int main() {
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&sum, t] {
            for (int i = t; i < 10000; i += 4) sum += i;
        });
    for (auto &thread : threads) thread.join();
    std::cout << sum << "\n";
}
