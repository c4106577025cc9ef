//! Many runs at once: plans in, violations or scores out.

pub mod hunt;
