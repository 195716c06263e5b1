// Who allocates: linked into a test, replaces malloc and its kin and says which library each call came from.
//
// Of calls by the standard libraries the first caller outside of them counts. Does nothing under sanitizers, which have
// a malloc of their own.
#ifndef GRADUS_TESTS_GRAPH_ALLOCATION_TRACE_H_
#define GRADUS_TESTS_GRAPH_ALLOCATION_TRACE_H_

#include <map>
#include <string>

namespace gradus {

// Whether allocations can be seen at all.
bool CanTraceAllocations();

// Allocations in any thread between the two, by file name of the library; "" is this program itself.
void StartAllocationTrace();
std::map<std::string, int> StopAllocationTrace();

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_ALLOCATION_TRACE_H_
