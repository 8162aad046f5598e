// Package blueprints is the catalog that ships in the binary: hardware entries, policies, images, recipes and one folder a
// blueprint. It holds files only; internal/catalog decodes them.
package blueprints

import "embed"

// FS is the catalog. Its top level is bios, hardware, policies, images, recipes; every other folder is a blueprint that a person
// can start from.
//
//go:embed bios hardware policies images recipes fabric-1rack lab-1rack hgx-h100-4node hgx-b200-air-4rack
var FS embed.FS

// Reserved are the top-level folders of FS that are no blueprint.
var Reserved = []string{"bios", "hardware", "images", "policies", "recipes"}
