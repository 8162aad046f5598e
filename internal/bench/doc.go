// Package bench holds the measurements that the product promises: how fast, with how many requests, connections and
// sessions, and in how much memory a site is surveyed. They run against ../shared/bench/bmcmock.go, which other clients were
// measured with too. There is nothing here to import.
package bench
