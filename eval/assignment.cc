#include "eval/assignment.h"

#include <limits>

namespace mtcnn {

// Kuhn and Munkres with shortest augmenting paths: agents are given a task one after the other,
// each by the cheapest chain of changes to those already placed. A price for every agent and task
// keeps all reduced costs from going below 0, so that the chain is found as Dijkstra would.
std::vector<int> assign(std::span<const double> weights, std::size_t rows, std::size_t columns) {
  // The fewer are the agents: each of them gets a task, since no weight is below 0.
  const bool transposed = rows > columns;
  const std::size_t agents = transposed ? columns : rows;
  const std::size_t tasks = transposed ? rows : columns;
  const auto weight = [&](std::size_t agent, std::size_t task) {
    return transposed ? weights[task * columns + agent] : weights[agent * columns + task];
  };

  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // One more task than there are, at the end: where the agent that is being placed comes from.
  std::vector<std::size_t> agent_of(tasks + 1, kNone), previous(tasks + 1);
  std::vector<double> agent_price(agents, 0), task_price(tasks + 1, 0), distance(tasks + 1);
  std::vector<char> reached(tasks + 1);
  for (std::size_t newcomer = 0; newcomer < agents; ++newcomer) {
    distance.assign(tasks + 1, kInfinity);
    reached.assign(tasks + 1, 0);
    std::size_t task = tasks;
    agent_of[task] = newcomer;
    while (agent_of[task] != kNone) {
      reached[task] = 1;
      const std::size_t agent = agent_of[task];
      std::size_t nearest = kNone;
      for (std::size_t next = 0; next < tasks; ++next) {
        if (reached[next]) continue;
        const double reduced = -weight(agent, next) - agent_price[agent] - task_price[next];
        if (reduced < distance[next]) {
          distance[next] = reduced;
          previous[next] = task;
        }
        if (nearest == kNone || distance[next] < distance[nearest]) nearest = next;
      }
      const double step = distance[nearest];
      for (std::size_t t = 0; t <= tasks; ++t) {
        if (reached[t]) {
          agent_price[agent_of[t]] += step;
          task_price[t] -= step;
        } else {
          distance[t] -= step;
        }
      }
      task = nearest;
    }
    for (; task != tasks; task = previous[task]) agent_of[task] = agent_of[previous[task]];
  }

  std::vector<int> partner(rows, -1);
  for (std::size_t task = 0; task < tasks; ++task) {
    const std::size_t agent = agent_of[task];
    if (agent == kNone || !(weight(agent, task) > 0)) continue;
    partner[transposed ? task : agent] = static_cast<int>(transposed ? agent : task);
  }
  return partner;
}

}  // namespace mtcnn
