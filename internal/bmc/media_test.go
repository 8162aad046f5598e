package bmc

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const image = "https://mirror.site/os.iso"

func mediaStep() step.Step {
	return step.Step{ID: "n/40-media", Node: "n", Kind: step.Media, Args: step.Args{System: sysPath, Path: bmcPath + "/Media/1"},
		Expect: step.Facts{"image": "", "inserted": false}, Want: step.Facts{"image": image, "inserted": true}}
}

// slot puts a media slot into the fake; take tells what an insert of it does.
func slot(f *fake, id string, take func(body obj) error) {
	path := bmcPath + "/Media/" + id
	f.put(path, obj{"Id": id, "MediaTypes": []any{"CD", "DVD"}, "Inserted": false, "Image": nil, "Actions": obj{
		"#VirtualMedia.InsertMedia": obj{"target": path + "/Insert"}, "#VirtualMedia.EjectMedia": obj{"target": path + "/Eject"}}})
	f.on["POST "+path+"/Insert"] = func(body obj) (*redfish.Response, error) { return &redfish.Response{}, take(body) }
	f.on["POST "+path+"/Eject"] = func(obj) (*redfish.Response, error) {
		f.set(path, false, "Inserted")
		f.set(path, nil, "Image")
		return &redfish.Response{}, nil
	}
}

// mounts makes a slot show what is inserted.
func mounts(f *fake, id string) func(obj) error {
	return func(body obj) error {
		f.set(bmcPath+"/Media/"+id, true, "Inserted")
		f.set(bmcPath+"/Media/"+id, body["Image"], "Image")
		return nil
	}
}

func TestMediaInsertAndEject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("Dell")
		slot(f, "1", mounts(f, "1"))
		d := f.driver(Options{})
		mustCheck(t, d, mediaStep(), nil, step.Ready)
		for range 2 {
			if err := d.Act(t.Context(), mediaStep(), (&journal{}).record); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(f.said("POST " + bmcPath + "/Media/1/Insert")); n != 1 {
			t.Fatalf("%d inserts", n)
		}
		mustCheck(t, d, mediaStep(), nil, step.Done)
		out := mediaStep()
		out.Expect, out.Want = out.Want, step.Facts{"image": "", "inserted": false}
		mustCheck(t, d, out, nil, step.Ready)
		if err := d.Act(t.Context(), out, (&journal{}).record); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, d, out, nil, step.Done)
	})
}

func TestMediaWays(t *testing.T) {
	for _, c := range []struct {
		name, vendor string
		setup        func(f *fake)
		in           string // slot that ends up with the image
		last         string // end of the last insert
	}{
		{"the full body is refused (R29)", "HPE", func(f *fake) {
			slot(f, "1", func(b obj) error {
				if len(b) > 1 {
					return status(http.StatusBadRequest, "Base.1.8.ActionParameterUnknown")
				}
				return mounts(f, "1")(b)
			})
		}, "1", `{"Image":"https://mirror.site/os.iso"}`},
		{"a slot without InsertMedia (R38)", "Cisco", func(f *fake) {
			slot(f, "1", func(obj) error { return status(http.StatusMethodNotAllowed) })
			slot(f, "2", mounts(f, "2"))
		}, "2", ""},
		{"answered and not mounted (R78)", "Dell", func(f *fake) {
			slot(f, "1", func(obj) error { return nil })
			slot(f, "2", mounts(f, "2"))
		}, "2", ""},
		{"the first slot alone works, and is named last (R24)", "Dell", func(f *fake) {
			f.set("/redfish/v1/", "Integrated Dell Remote Access Controller 10", "Product")
			f.set(bmcPath, "17G Monolithic", "Model")
			slot(f, "1", mounts(f, "1"))
			slot(f, "0", mounts(f, "0"))
		}, "0", ""},
		{"shown as inserted after an eject (R23)", "Dell", func(f *fake) {
			slot(f, "1", mounts(f, "1"))
			f.set(bmcPath+"/Media/1", true, "Inserted")
		}, "1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(c.vendor)
				c.setup(f)
				s := mediaStep()
				delete(s.Expect, "image")
				if err := f.driver(Options{}).Act(t.Context(), s, (&journal{}).record); err != nil {
					t.Fatal(err)
				}
				if got := f.res[bmcPath+"/Media/"+c.in]["Image"]; got != image {
					t.Fatalf("slot %s holds %v; said %q", c.in, got, f.said("POST"))
				}
				if said := f.said("POST"); !strings.HasSuffix(said[len(said)-1], c.last) {
					t.Fatalf("said %q", said)
				}
				mustCheck(t, f.driver(Options{}), s, nil, step.Done)
			})
		})
	}
}

// R105: a slot without actions is driven by PATCH.
func TestMediaByPatch(t *testing.T) {
	f := newFake("Lenovo")
	path := bmcPath + "/Media/1"
	f.put(path, obj{"MediaTypes": []any{"CD"}, "Inserted": false, "Image": nil})
	f.on["PATCH "+path] = func(b obj) (*redfish.Response, error) {
		f.set(path, b["Inserted"], "Inserted")
		f.set(path, b["Image"], "Image")
		return &redfish.Response{}, nil
	}
	if err := f.driver(Options{}).Act(t.Context(), mediaStep(), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f.driver(Options{}), mediaStep(), nil, step.Done)
}

func TestMediaOfAnotherIsMoved(t *testing.T) {
	f := newFake("Dell")
	slot(f, "1", mounts(f, "1"))
	_ = mounts(f, "1")(obj{"Image": "https://elsewhere/x.iso"})
	mustCheck(t, f.driver(Options{}), mediaStep(), nil, step.Moved)
}

func TestNoMediaIsUnsupported(t *testing.T) {
	_, err := newFake("AMI").driver(Options{}).Check(t.Context(), mediaStep(), nil)
	if step.ClassOf(err) != step.Unsupported {
		t.Fatalf("got %v", err)
	}
}
