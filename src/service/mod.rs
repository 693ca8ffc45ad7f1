//! One request and response for every action a person can take.
