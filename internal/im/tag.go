package im

// OverlapMs is how far an incremental sync looks behind the client's time tag. A
// change has its time before it can be read: what was being committed when the
// tag was given may be older than the tag, and another node's clock may be
// behind. It bounds commits and clocks together. What is sent twice for it does
// no harm.
const OverlapMs = 5000
