#include <iostream>
#include <limits>
#include <queue>
#include <vector>

int main() {
    int nodes, edges;
    std::cin >> nodes >> edges;
    std::vector<std::vector<std::pair<int, int>>> graph(nodes);
    for (int i = 0; i < edges; i++) {
        int from, to, cost;
        std::cin >> from >> to >> cost;
        graph[from].push_back({to, cost});
    }
    std::vector<long> distance(nodes, std::numeric_limits<long>::max());
    std::priority_queue<std::pair<long, int>, std::vector<std::pair<long, int>>, std::greater<>> open;
    open.push({distance[0] = 0, 0});
    while (!open.empty()) {
        auto [cost, node] = open.top();
        open.pop();
        if (cost > distance[node]) continue;
        for (auto [next, step] : graph[node])
            if (cost + step < distance[next]) open.push({distance[next] = cost + step, next});
    }
    for (int i = 0; i < nodes; i++)
        std::cout << i << ": " << (distance[i] == std::numeric_limits<long>::max() ? "unreachable" : std::to_string(distance[i])) << "\n";
}
